#!/usr/bin/python
"""Ansible module: the data disk of a host of an instance."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kafka_fleet.claim import ClaimRefused, claim
from ansible.module_utils.kafka_fleet.commands import CommandFailed
from ansible.module_utils.kafka_fleet.disk import DataDisk, DiskRefused, blank, mount

DOCUMENTATION = r"""
module: data_disk
short_description: XFS data disk of a host that belongs to one Kafka instance
description:
  - Formats a blank device once and has systemd mount it, now and at each boot. A device that holds
    anything else is refused.
  - Refuses a host that carries another instance's marker or was changed by a newer operation.
options:
  owner:
    description: Id of the instance that the host belongs to.
    type: str
    required: true
  epoch:
    description: Number of the operation; a host refuses a lower one than it has seen.
    type: int
    required: true
  state:
    description: With V(absent) the disk is unmounted and blank; all data is lost.
    type: str
    choices: [present, absent]
    default: present
  device:
    description: The block device.
    type: path
    required: true
  path:
    description: Where its file system appears.
    type: path
    default: /srv/kafka
  state_directory:
    description: Where marker and epoch lie.
    type: path
    default: /etc/kafka-fleet
author: kafka-fleet
"""

EXAMPLES = r"""
- name: Mount the data disk
  data_disk: {owner: ab12cd34, epoch: 7, device: /dev/vdb}
"""

RETURN = r"""
done:
  description: What had to be done, in words.
  type: list
  elements: str
  returned: success
"""

ARGUMENTS: dict[str, Any] = {
    "owner": {"type": "str", "required": True},
    "epoch": {"type": "int", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "device": {"type": "path", "required": True},
    "path": {"type": "path", "default": "/srv/kafka"},
    "state_directory": {"type": "path", "default": "/etc/kafka-fleet"},
}


def main() -> None:
    """Does what the options say and reports it to Ansible."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    options, check = module.params, module.check_mode
    present = options["state"] == "present"
    disk = DataDisk(options["device"], options["path"], check)
    try:
        ours = claim(
            options["state_directory"],
            options["owner"],
            options["epoch"],
            write=present and not check,
        )
        done = mount(disk) if present else _blank(disk, ours)
    except (ClaimRefused, CommandFailed, DiskRefused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(done), done=done)


def _blank(disk: DataDisk, ours: bool) -> list[str]:
    if not ours:
        return []
    return [f"blank {disk.device}"] if disk.check else blank(disk)


if __name__ == "__main__":
    main()
