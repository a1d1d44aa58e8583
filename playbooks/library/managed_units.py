#!/usr/bin/python
"""Ansible module: the systemd units of a host of an instance."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kafka_fleet.claim import ClaimRefused
from ansible.module_utils.kafka_fleet.commands import CommandFailed
from ansible.module_utils.kafka_fleet.options import CLAIM, claim_of
from ansible.module_utils.kafka_fleet.units import UnitFailed, Wished, bring, kill

DOCUMENTATION = r"""
module: managed_units
short_description: systemd units of a host that belongs to one Kafka instance
description:
  - Enables, starts and stops units, and loads a unit anew whose file changed, in one call. A unit
    that should run and runs is never restarted.
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
    description: With V(absent) all delivered services are killed, stopped and disabled.
    type: str
    choices: [present, absent]
    default: present
  enabled:
    description: Units that start with the host.
    type: list
    elements: str
    default: []
  loaded:
    description: Unit -> the file it loads; reloaded when the file is not the one loaded last.
    type: dict
    default: {}
  anew:
    description: Units of O(loaded) that load their file in any case.
    type: list
    elements: str
    default: []
  started:
    description: Units that run.
    type: list
    elements: str
    default: []
  stopped:
    description: Units that do not run. One that does not stop in time is a failure; never killed.
    type: list
    elements: str
    default: []
  generation:
    description: Noted in C(started.json) in the state directory when a unit is really started.
    type: int
  limit:
    description: Seconds that a start or stop may take.
    type: int
    default: 200
  state_directory:
    description: Where marker and epoch lie.
    type: path
    default: /etc/kafka-fleet
author: kafka-fleet
"""

EXAMPLES = r"""
- name: Stop the broker
  managed_units: {owner: ab12cd34, epoch: 7, stopped: [kafka.service]}
"""

RETURN = r"""
done:
  description: What had to be done, in words.
  type: list
  elements: str
  returned: success
"""

UNITS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
ARGUMENTS = {
    **CLAIM,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "enabled": UNITS,
    "loaded": {"type": "dict", "default": {}},
    "anew": UNITS,
    "started": UNITS,
    "stopped": UNITS,
    "generation": {"type": "int"},
    "limit": {"type": "int", "default": 200},
}


def main() -> None:
    """Does what the options say and reports it to Ansible."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    act = _bring if module.params["state"] == "present" else _kill
    try:
        done = act(module.params, module.check_mode)
    except (ClaimRefused, CommandFailed, UnitFailed) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(done), done=done)


def _bring(options: dict[str, Any], check: bool) -> list[str]:
    claim_of(options, write=not check)
    return list(bring(_wished(options, check)))


def _kill(options: dict[str, Any], check: bool) -> list[str]:
    if not claim_of(options, write=False):
        return []
    return ["kill all services"] if check else list(kill(options["state_directory"]))


def _wished(options: dict[str, Any], check: bool) -> Wished:
    return Wished(
        state=options["state_directory"],
        enabled=tuple(options["enabled"]),
        loaded=options["loaded"],
        anew=tuple(options["anew"]),
        started=tuple(options["started"]),
        stopped=tuple(options["stopped"]),
        generation=options["generation"],
        limit=float(options["limit"]),
        check=check,
    )


if __name__ == "__main__":
    main()
