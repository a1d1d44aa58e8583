#!/usr/bin/python
"""Ansible module: takes a host for an instance, with all that may be seen, or gives it back."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kafka_fleet.claim import ClaimRefused
from ansible.module_utils.kafka_fleet.commands import CommandFailed
from ansible.module_utils.kafka_fleet.disk import (
    DataDisk,
    DiskRefused,
    blank,
    grow,
    mount,
)
from ansible.module_utils.kafka_fleet.files import CannotDeliver, clean, deliver
from ansible.module_utils.kafka_fleet.options import (
    CLAIM,
    DIRECTORIES,
    FILES,
    claim_of,
    delivery,
    differences,
)
from ansible.module_utils.kafka_fleet.users import have_user, remove_user

DOCUMENTATION = r"""
module: managed_host
short_description: User, data disk and public files of a host that belongs to one Kafka instance
description:
  - The host carries the instance's marker, has the system user, the data disk mounted (a blank
    device is formatted once; one that holds anything else is refused) and the public files. One
    call, since each costs the host much more than the work that is done.
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
    description:
      - With V(absent) the disk is blank, and the user, everything that was delivered, the
        O(directories) and in the end the marker are gone. A host without the marker is left alone.
      - With V(grown) the file system of the data disk fills its device; files are not looked at.
    type: str
    choices: [present, grown, absent]
    default: present
  user:
    description: System user that cannot log in.
    type: str
    default: kafka
  device:
    description: Block device of the data disk.
    type: path
    required: true
  path:
    description: Where the file system of the data disk appears.
    type: path
    default: /srv/kafka
  directories:
    description: See M(managed_files).
    type: list
    elements: dict
    default: []
  files:
    description: See M(managed_files); they are its part V(public).
    type: list
    elements: dict
    default: []
  state_directory:
    description: Where marker, epoch and C(applied.json) lie.
    type: path
    default: /etc/kafka-fleet
author: kafka-fleet
"""

EXAMPLES = r"""
- name: Take the host
  managed_host:
    owner: ab12cd34
    epoch: 7
    device: /dev/vdb
    directories: [{path: /etc/kafka-fleet/private, mode: "0700", owner: kafka}]
    files: [{path: /etc/kafka-fleet/zoo.cfg, content: "tickTime=2000\n"}]
"""

RETURN = r"""
done:
  description: What had to be done besides files, in words.
  type: list
  elements: str
  returned: success
changed_paths:
  description: Paths that were written, changed or removed.
  type: list
  elements: str
  returned: success
"""

ARGUMENTS: dict[str, Any] = {
    **CLAIM,
    "state": {"type": "str", "choices": ["present", "grown", "absent"], "default": "present"},
    "user": {"type": "str", "default": "kafka"},
    "device": {"type": "path", "required": True},
    "path": {"type": "path", "default": "/srv/kafka"},
    "directories": DIRECTORIES,
    "files": FILES,
}


def main() -> None:
    """Does what the options say and reports it to Ansible."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    act = {"present": _take, "grown": _grow, "absent": _give_back}[module.params["state"]]
    try:
        result = act(module)
    except (ClaimRefused, CommandFailed, DiskRefused, CannotDeliver) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(result["done"] or result["changed_paths"]), **result)


def _take(module: AnsibleModule) -> dict[str, Any]:
    options, check = module.params, module.check_mode
    claim_of(options, write=not check)
    done = [
        *have_user(options["user"], check=check),
        *mount(DataDisk(options["device"], options["path"], check)),
    ]
    changes = deliver(delivery(options, "public", check=check))
    return {
        "done": done,
        "changed_paths": [change.path for change in changes],
        "diff": differences(changes) if module._diff else [],
    }


def _grow(module: AnsibleModule) -> dict[str, Any]:
    options, check = module.params, module.check_mode
    claim_of(options, write=not check)
    disk = DataDisk(options["device"], options["path"], check)
    return {"done": grow(disk), "changed_paths": []}


def _give_back(module: AnsibleModule) -> dict[str, Any]:
    """The marker goes last, so a cleaning that was interrupted is finished by running it again."""
    options, state = module.params, module.params["state_directory"]
    if not claim_of(options, write=False):
        return {"done": [], "changed_paths": []}
    if module.check_mode:
        return {"done": ["give the host back"], "changed_paths": []}
    return {
        "done": [
            *blank(DataDisk(options["device"], options["path"])),
            *remove_user(options["user"]),
        ],
        "changed_paths": clean(state, [item["path"] for item in options["directories"]]),
    }


if __name__ == "__main__":
    main()
