#!/usr/bin/python
"""Ansible module: the files and directories that a host of an instance holds."""

from __future__ import annotations

import base64
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kafka_fleet.claim import ClaimRefused, claim
from ansible.module_utils.kafka_fleet.files import (
    CannotDeliver,
    Change,
    Delivery,
    WishedDirectory,
    WishedFile,
    clean,
    deliver,
)
from ansible.module_utils.kafka_fleet.writing import Attributes

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
  state:
    description: With V(absent) nothing that was delivered is left, the marker goes last.
    type: str
    choices: [present, absent]
    default: present
  part:
    description: The part of the delivery; V(secret) never shows a difference.
    type: str
    choices: [public, secret]
    default: public
  directories:
    description: Directories; O(state=absent) removes these, too, with all they hold.
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
- name: Deliver the configuration
  managed_files:
    owner: ab12cd34
    epoch: 7
    directories: [{path: /etc/kafka-fleet/private, mode: "0700", owner: kafka}]
    files: [{path: /etc/kafka-fleet/zoo.cfg, content: "tickTime=2000\n"}]
"""

RETURN = r"""
changed_paths:
  description: Paths that were written, changed or removed.
  type: list
  elements: str
  returned: success
"""

ATTRIBUTES: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str"},
}
DIRECTORY = {**ATTRIBUTES, "mode": {"type": "str", "default": "0755"}}
FILE = {
    **ATTRIBUTES,
    "mode": {"type": "str", "default": "0644"},
    "content": {"type": "str", "required": True},
    "encoding": {"type": "str", "choices": ["text", "base64"], "default": "text"},
}
ARGUMENTS = {
    "owner": {"type": "str", "required": True},
    "epoch": {"type": "int", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "part": {"type": "str", "choices": ["public", "secret"], "default": "public"},
    "directories": {"type": "list", "elements": "dict", "default": [], "options": DIRECTORY},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
    "state_directory": {"type": "path", "default": "/etc/kafka-fleet"},
}


def main() -> None:
    """Does what the options say and reports it to Ansible."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    options, check = module.params, module.check_mode
    present = options["state"] == "present"
    try:
        ours = claim(
            options["state_directory"],
            options["owner"],
            options["epoch"],
            write=present and not check,
        )
        result = _deliver(module) if present else _clean(options, ours, check)
    except (ClaimRefused, CannotDeliver) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def _deliver(module: AnsibleModule) -> dict[str, Any]:
    changes = deliver(_delivery(module.params, module.check_mode))
    shown = module._diff and module.params["part"] != "secret"
    return {
        "changed": bool(changes),
        "changed_paths": [change.path for change in changes],
        "diff": [_difference(change) for change in changes] if shown else [],
    }


def _clean(options: dict[str, Any], ours: bool, check: bool) -> dict[str, Any]:
    if not ours:
        return {"changed": False, "changed_paths": []}
    state = options["state_directory"]
    gone = [state] if check else clean(state, [item["path"] for item in options["directories"]])
    return {"changed": bool(gone), "changed_paths": gone}


def _delivery(options: dict[str, Any], check: bool) -> Delivery:
    return Delivery(
        state=options["state_directory"],
        part=options["part"],
        directories=tuple(
            WishedDirectory(item["path"], _attributes(item)) for item in options["directories"]
        ),
        files=tuple(
            WishedFile(item["path"], _content(item), _attributes(item)) for item in options["files"]
        ),
        check=check,
    )


def _attributes(item: dict[str, Any]) -> Attributes:
    return Attributes(int(item["mode"], 8), item["owner"], item["group"] or item["owner"])


def _content(item: dict[str, Any]) -> bytes:
    if item["encoding"] == "base64":
        return base64.b64decode(item["content"], validate=True)
    return str(item["content"]).encode()


def _difference(change: Change) -> dict[str, str]:
    return {
        "before_header": change.path,
        "after_header": change.path,
        "before": _shown(change.before),
        "after": _shown(change.after),
    }


def _shown(content: bytes | None) -> str:
    if content is None:
        return ""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"({len(content)} bytes that are no text)\n"


if __name__ == "__main__":
    main()
