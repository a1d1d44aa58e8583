"""What ansible-playbook reads: an inventory of the machines and, apart from it, their secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.adapters.site import Play
from flows.domain.instance import Machine

SECRETS = "kafka_fleet_secrets"
"""The one extra variable; each host's own secrets are looked up in it."""


def inventory_text(play: Play, owner: str, key: Path) -> str:
    """The machines with their public variables; secrets appear only as references."""
    hosts = {machine.name: _host(play, machine, owner) for machine in play.machines}
    connection = {
        "ansible_ssh_private_key_file": str(key),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    return json.dumps({"all": {"vars": connection, "hosts": hosts}})


def secrets_text(play: Play) -> str:
    """The secrets of all machines as extra variables."""
    return json.dumps({SECRETS: _literal(play.secrets)})


def known_hosts_text(machines: Sequence[Machine]) -> str:
    """The pinned keys; a machine that shows another one is not talked to."""
    return "".join(f"{machine.known_as} {machine.host_key}\n" for machine in machines)


def _host(play: Play, machine: Machine, owner: str) -> dict[str, Any]:
    references = {
        name: f"{{{{ {SECRETS}[inventory_hostname]['{name}'] }}}}"
        for name in play.secrets.get(machine.name, {})
    }
    return {
        "ansible_host": machine.address,
        "ansible_port": machine.port,
        "ansible_user": machine.user,
        "ansible_become": machine.user != "root",
        "host_owner": owner,
        "host_data_device": machine.data_device,
        **{name: _literal(value) for name, value in play.variables.get(machine.name, {}).items()},
        **references,
        "host_epoch": play.epoch,
    }


def _literal(value: Any) -> Any:
    """The value, every text in it marked as no template: a file may well hold two braces."""
    if isinstance(value, str):
        return {"__ansible_unsafe": value}
    if isinstance(value, Mapping):
        return {name: _literal(part) for name, part in value.items()}
    if isinstance(value, Sequence):
        return [_literal(part) for part in value]
    return value
