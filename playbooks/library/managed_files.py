#!/usr/bin/python
"""Ansible module: one part of the files that a host of an instance holds."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kafka_fleet.claim import ClaimRefused
from ansible.module_utils.kafka_fleet.files import CannotDeliver, deliver
from ansible.module_utils.kafka_fleet.options import (
    CLAIM,
    DIRECTORIES,
    FILES,
    claim_of,
    delivery,
    differences,
)

DOCUMENTATION = r"""
module: managed_files
short_description: Files and directories of a host that belongs to one Kafka instance
description:
  - Delivers one part of what the host should hold, and takes away the part's earlier files that
    are not wished any more. Writes are atomic and survive a power loss.
  - Refuses a host that carries another instance's marker or was changed by a newer operation.
  - Notes every file with its SHA-256 in C(applied.json) in the state directory.
options:
  owner:
    description: Id of the instance that the host belongs to.
    type: str
    required: true
  epoch:
    description: Number of the operation; a host refuses a lower one than it has seen.
    type: int
    required: true
  part:
    description: The part of the delivery; V(secret) never shows a difference.
    type: str
    choices: [public, secret]
    default: public
  keep:
    description: The part's other files stay as they are; otherwise they are taken away.
    type: bool
    default: false
  directories:
    description: Directories.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      mode: {description: Octal mode., type: str, default: "0755"}
      owner: {description: User., type: str, default: root}
      group: {description: Group; the owner's when not given., type: str}
  files:
    description: Files; missing parents are made with mode 0755.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      content: {description: Text or Base64., type: str, required: true}
      encoding: {description: How the content is written., type: str,
                 choices: [text, base64], default: text}
      mode: {description: Octal mode., type: str, default: "0644"}
      owner: {description: User., type: str, default: root}
      group: {description: Group; the owner's when not given., type: str}
  state_directory:
    description: Where marker, epoch and C(applied.json) lie.
    type: path
    default: /etc/kafka-fleet
author: kafka-fleet
"""

EXAMPLES = r"""
- name: Deliver secret files
  managed_files:
    owner: ab12cd34
    epoch: 7
    part: secret
    files: [{path: /etc/kafka-fleet/private/kafka.jaas, content: "...", mode: "0400"}]
  diff: false
  no_log: true
"""

RETURN = r"""
changed_paths:
  description: Paths that were written, changed or removed.
  type: list
  elements: str
  returned: success
"""

ARGUMENTS: dict[str, Any] = {
    **CLAIM,
    "part": {"type": "str", "choices": ["public", "secret"], "default": "public"},
    "keep": {"type": "bool", "default": False},
    "directories": DIRECTORIES,
    "files": FILES,
}


def main() -> None:
    """Does what the options say and reports it to Ansible."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = _deliver(module)
    except (ClaimRefused, CannotDeliver) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(result["changed_paths"]), **result)


def _deliver(module: AnsibleModule) -> dict[str, Any]:
    options, check = module.params, module.check_mode
    claim_of(options, write=not check)
    changes = deliver(delivery(options, options["part"], check=check))
    return {
        "changed_paths": [change.path for change in changes],
        "diff": differences(changes) if module._diff and options["part"] != "secret" else [],
    }


if __name__ == "__main__":
    main()
