#!/usr/bin/python
"""Ansible module: what a gateway translates for one instance, now and after every boot."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kafka_fleet.claim import ClaimRefused
from ansible.module_utils.kafka_fleet.commands import CommandFailed
from ansible.module_utils.kafka_fleet.files import CannotDeliver, clean, deliver
from ansible.module_utils.kafka_fleet.options import (
    CLAIM,
    FILES,
    claim_of,
    delivery,
    differences,
)
from ansible.module_utils.kafka_fleet.units import UnitFailed, Wished, bring, kill

DOCUMENTATION = r"""
module: managed_gateway
short_description: Files of one Kafka instance on a gateway, and the unit that loads them
description:
  - Delivers the files and lets the unit load one of them, now and at every boot. One call, since
    each costs the gateway much more than the work that is done.
  - An instance has a state directory of its own, so a gateway serves several of them. Refuses a
    directory with another instance's marker or one that was changed by a newer operation.
options:
  owner:
    description: Id of the instance.
    type: str
    required: true
  epoch:
    description: Number of the operation; a gateway refuses a lower one than it has seen.
    type: int
    required: true
  state:
    description:
      - With V(absent) the unit is stopped and disabled, which unloads the file, and all that was
        delivered is gone, in the end the marker. A gateway without the marker is left alone.
    type: str
    choices: [present, absent]
    default: present
  files:
    description: See M(managed_files); they are its part V(public).
    type: list
    elements: dict
    default: []
  unit:
    description: Loads O(loads) and starts with the gateway; needed where O(state=present).
    type: str
  loads:
    description: The file that the unit loads; loaded when it is not the one loaded last.
    type: path
  anew:
    description: Load the file in any case; the kernel has something else.
    type: bool
    default: false
  state_directory:
    description: Where the instance's marker and C(applied.json) lie.
    type: path
    default: /etc/kafka-fleet
author: kafka-fleet
"""

EXAMPLES = r"""
- name: Translate
  managed_gateway:
    owner: ab12cd34
    epoch: 7
    files: [{path: /etc/kafka-fleet/dnat.nft, content: "table ip ab12cd34 {}\n"}]
    unit: dnat.service
    loads: /etc/kafka-fleet/dnat.nft
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
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "files": FILES,
    "unit": {"type": "str"},
    "loads": {"type": "path"},
    "anew": {"type": "bool", "default": False},
}


def main() -> None:
    """Does what the options say and reports it to Ansible."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "present", ("unit", "loads"))],
        supports_check_mode=True,
    )
    act = _translate if module.params["state"] == "present" else _end
    try:
        result = act(module)
    except (ClaimRefused, CommandFailed, CannotDeliver, UnitFailed) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(result["done"] or result["changed_paths"]), **result)


def _translate(module: AnsibleModule) -> dict[str, Any]:
    options, check = module.params, module.check_mode
    claim_of(options, write=not check)
    changes = deliver(delivery(options, "public", check=check))
    return {
        "changed_paths": [change.path for change in changes],
        "done": bring(_wished(options, check)),
        "diff": differences(changes) if module._diff else [],
    }


def _end(module: AnsibleModule) -> dict[str, Any]:
    """The marker goes last, so an end that was cut off is finished by running it again."""
    state = module.params["state_directory"]
    if not claim_of(module.params, write=False):
        return {"done": [], "changed_paths": []}
    if module.check_mode:
        return {"done": ["translate no more"], "changed_paths": [state]}
    return {"done": list(kill(state)), "changed_paths": clean(state, [])}


def _wished(options: dict[str, Any], check: bool) -> Wished:
    unit = options["unit"]
    return Wished(
        state=options["state_directory"],
        enabled=(unit,),
        loaded={unit: options["loads"]},
        anew=(unit,) if options["anew"] else (),
        check=check,
    )


if __name__ == "__main__":
    main()
