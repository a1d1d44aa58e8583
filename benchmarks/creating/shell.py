"""Machines by hand: OpenSSH with one shared connection each, and nothing else."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flows.adapters.ansible.inventory import known_hosts_text
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine

LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Shell:
    """Commands on machines as root; the key and the sockets lie in a directory in memory."""

    directory: Path

    def run(
        self, machine: Machine, command: str, source: IO[bytes] | int = subprocess.DEVNULL
    ) -> None:
        """The command, whose input is the file, has ended well; EffectFailed otherwise."""
        done = subprocess.run(
            [*self._ssh(), f"root@{machine.address}", command],
            stdin=source,
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()
            raise EffectFailed(f"{machine.name}: `{command}` ended with {done.returncode}: {words}")

    def send(self, machine: Machine, command: str, content: bytes) -> None:
        """The same with these bytes as input, which are on no disk meanwhile."""
        with tempfile.TemporaryFile(dir=self.directory) as file:
            file.write(content)
            file.seek(0)
            self.run(machine, command, file)

    def close(self) -> None:
        """No shared connection is left."""
        for socket in self.directory.glob("socket-*"):
            argv = ["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "host"]
            subprocess.run(argv, stderr=subprocess.DEVNULL, timeout=10, check=False)

    def _ssh(self) -> list[str]:
        options: Mapping[str, object] = {
            "BatchMode": "yes",
            "Ciphers": "aes128-gcm@openssh.com",
            "ControlMaster": "auto",
            "ControlPath": self.directory / "socket-%h",
            "ControlPersist": "60s",
            "GlobalKnownHostsFile": os.devnull,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self.directory / "known_hosts",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", "-q", "-i", str(self.directory / "key"), *words]


@contextmanager
def shell(machines: tuple[Machine, ...], key: str) -> Iterator[Shell]:
    """A shell for these machines with their pinned host keys; nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="kafka-fleet-bench-", dir="/dev/shm") as name:
        opened = Shell(Path(name))
        (opened.directory / "known_hosts").write_text(known_hosts_text(machines))
        (opened.directory / "key").touch(mode=0o600)
        (opened.directory / "key").write_text(key.strip() + "\n")
        try:
            yield opened
        finally:
            opened.close()
