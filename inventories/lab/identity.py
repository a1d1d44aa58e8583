"""What makes a machine this machine: its name, its keys, its idea of the others.

Written through the mounted root, never into the layer below it, which the kernel forbids while
it is mounted.
"""

from __future__ import annotations

import os
import uuid
from ipaddress import IPv4Address
from pathlib import Path

from inventories.lab.cgroups import PERIOD_US, Limits
from inventories.lab.commands import run
from inventories.lab.durable import flush
from inventories.lab.model import MachineRecord, MachineSpec
from inventories.lab.state import MachineFiles

# The lab has no name server. Asking the host's, which cannot be reached from here, would take
# 5 s for every unknown name; the machine's own address refuses at once.
RESOLVER = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
LIMITS_FILE = "etc/systemd/system/service.d/10-lab-flavor.conf"


def host_key(files: MachineFiles) -> str:
    """The public half of the machine's SSH host key, made at the first call."""
    files.directory.mkdir(parents=True, exist_ok=True)
    files.directory.chmod(0o700)
    private, public = files.host_key, files.host_key.with_suffix(".pub")
    if not public.exists():
        private.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(private))
        for file in (private, public):
            flush(file)
    return public.read_text().strip()


def write(files: MachineFiles, record: MachineRecord) -> None:
    """The machine knows who it is; what it changed itself since its first boot is kept."""
    etc = files.root / "etc"
    hostname = record.spec.hostname or record.spec.name
    _put(etc / "hostname", f"{hostname}\n")
    _put(etc / "hosts", hosts_text(record.spec, record.address))
    _put(etc / "resolv.conf", RESOLVER)
    if files.identified.exists():
        return
    _put_for_good(etc / "machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    for key, mode in ((files.host_key, 0o600), (files.host_key.with_suffix(".pub"), 0o644)):
        _put_for_good(etc / "ssh" / key.name, key.read_text(), mode)
    ssh = files.root / "root/.ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    _put_for_good(ssh / "authorized_keys", f"{record.spec.authorized_key.strip()}\n", 0o600)
    files.identified.touch()


def write_limits(root: Path, limits: Limits) -> None:
    """The machine's services carry its limits themselves.

    With cgroup v2 the machine's limits lie above its cgroup namespace, where a JVM before 24
    does not look: it would take the host's memory for its own.
    """
    quota = len(limits.cpus) * PERIOD_US // 1000
    text = f"[Service]\nMemoryMax={limits.memory_bytes}\nCPUQuota={quota}%\n"
    path = root / LIMITS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    _put(path, text)


def hosts_text(spec: MachineSpec, address: IPv4Address) -> str:
    """The machine's /etc/hosts."""
    lines = ["127.0.0.1 localhost", f"{address} {spec.hostname or spec.name}"]
    lines += [f"{entry.address} {entry.name}" for entry in spec.hosts]
    return "".join(f"{line}\n" for line in lines)


def _put_for_good(path: Path, content: str, mode: int) -> None:
    """Written once in the machine's life: a power loss must not take it away."""
    _put(path, content, mode)
    flush(path)
    flush(path.parent)


def _put(path: Path, content: str, mode: int = 0o644) -> None:
    """The file holds the content, with its mode from the first moment on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    path.chmod(mode)
