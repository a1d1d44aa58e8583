"""Machines of the lab that play machines of somebody's own: another key, a user with sudo."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from inventories.lab import Lab, Machine, MachineSpec

USER = "ops"
SSH_PORT = 22
# What a lab gives is a quarter of what is ordered; own hosts are checked at their whole size.
NOMINAL_MB = 4 * 4096
_SETTLE_IN = (
    "useradd --create-home --shell /bin/bash {user} && "
    "echo '{user} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{user} && "
    "mv /root/.ssh /home/{user}/.ssh && chown -R {user}: /home/{user}/.ssh"
)


@dataclass(frozen=True)
class Foreign:
    """Some machines, the key that opens them, and the file that lists them."""

    lab: Lab
    directory: Path
    machines: tuple[Machine, ...] = field(default_factory=tuple)

    @property
    def key_file(self) -> Path:
        """The private key of their owner."""
        return self.directory / "id"

    @property
    def listed(self) -> Path:
        """The list of these machines."""
        return self.directory / "hosts.yml"

    def content(self, **changes: Any) -> dict[str, Any]:
        """What the list says; `changes` is machine -> keys that differ."""
        return {
            "network": str(self.lab.status().lan),
            "ssh": {"user": USER, "key_file": "id"},
            "hosts": [
                {**_line(machine), **changes.get(machine.name, {})} for machine in self.machines
            ],
        }

    def write_list(self, only: Sequence[str] = (), **changes: Any) -> None:
        """The file lists these machines; all of them when none is named."""
        content = self.content(**changes)
        if only:
            content["hosts"] = [each for each in content["hosts"] if each["name"] in only]
        self.listed.write_text(yaml.safe_dump(content, sort_keys=False))

    def shell(self, machine: Machine, command: str, user: str = USER) -> str:
        """The output of a command there, by OpenSSH and the owner's key."""
        known = self.directory / f"known-{machine.name}"
        known.write_text(f"{machine.address} {machine.host_key}\n")
        options = ("-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes")
        done = subprocess.run(
            ["ssh", "-i", self.key_file, *options, f"{user}@{machine.address}", command],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, f"{machine.name}: {command}: {done.stderr}"
        return done.stdout


def make_foreign(lab: Lab, directory: Path, sizes: Iterable[int]) -> Foreign:
    """A machine for each size (nominal MB); root cannot log in there, `ops` has sudo."""
    key = directory / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text()
    specs = [
        MachineSpec(
            name=f"own-{number}",
            zone=lab.zones[(number - 1) % len(lab.zones)],
            memory_mb=size,
            disk_gb=100,
            authorized_key=public,
        )
        for number, size in enumerate(sizes, 1)
    ]
    foreign = Foreign(lab, directory, tuple(lab.create_machines(specs)))
    for machine in foreign.machines:
        foreign.shell(machine, _SETTLE_IN.format(user=USER), user="root")
    foreign.write_list()
    return foreign


def _line(machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "address": str(machine.address),
        "host_key": machine.host_key,
        "zone": machine.zone,
        "vcpus": 2,
        "memory_gb": 4,
        "data_device": machine.data_device,
        "disk_gb": 100,
    }
