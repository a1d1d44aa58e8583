#!/usr/bin/env python3
"""Ansible's dynamic inventory of the living instances: `ansible -i inventories/instances.py demo`.

A group per instance, a host per machine. Keys and pinned host keys lie in `FLEET_HOME/secrets/ssh`
(0700, files 0600), written anew at each call for what lives and removed for what does not.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"

if TYPE_CHECKING:
    from flows.adapters.site import InstanceRow, Records, Secrets
    from flows.domain.instance import Machine


def inventory(records: Records, secrets: Secrets, directory: Path) -> dict[str, Any]:
    """What Ansible reads: groups with their hosts, and `_meta` with each host's variables."""
    living = records.living()
    _forget_others(directory, {row.id for row in living})
    groups: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    for row in living:
        machines = records.machines(row.id)
        access = _access(row, machines, secrets, directory)
        groups[row.wish.name] = {"hosts": [machine.name for machine in machines]}
        variables |= {
            machine.name: {**access, **_login(machine), "broker": machine.broker}
            for machine in machines
        }
    return {**groups, "_meta": {"hostvars": variables}}


def _access(
    row: InstanceRow, machines: tuple[Machine, ...], secrets: Secrets, directory: Path
) -> dict[str, str]:
    key, known = directory / row.id, directory / f"{row.id}.known_hosts"
    _write(key, secrets.get(row.id, "ssh-key") or "")
    _write(known, "".join(f"{each.known_as} {each.host_key}\n" for each in machines))
    options = f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    return {
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": options,
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def _login(machine: Machine) -> dict[str, Any]:
    return {
        "ansible_host": machine.address,
        "ansible_port": machine.port,
        "ansible_user": machine.user,
        "ansible_become": machine.user != "root",
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _forget_others(directory: Path, living: set[str]) -> None:
    for path in directory.glob("*"):
        if path.name.split(".")[0] not in living:
            path.unlink()


def main() -> None:
    """Prints the inventory of this checkout's control plane."""
    from flows.doors.wiring import open_records, open_secrets  # noqa: PLC0415
    from flows.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    directory = settings.secrets / "ssh"
    print(json.dumps(inventory(open_records(settings), open_secrets(settings), directory)))


if __name__ == "__main__":
    # Ansible calls this file itself: with our packages, whatever `python3` is.
    if Path(sys.prefix) != VENV and (VENV / "bin/python").exists():
        os.execv(VENV / "bin/python", [str(VENV / "bin/python"), __file__, *sys.argv[1:]])
    main()
