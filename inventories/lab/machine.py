"""One machine: its files, mounts and processes. Knows nothing of the lab's other machines."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import uuid
from ipaddress import IPv4Address
from pathlib import Path

from inventories.lab import disks, mounts
from inventories.lab.cgroups import Cgroups, Limits
from inventories.lab.commands import in_netns, run, wait_for
from inventories.lab.errors import LabError
from inventories.lab.model import MachineRecord, MachineSpec
from inventories.lab.state import MachineFiles

HERE = Path(__file__).parent
BOOT_LIMIT = 60.0
# systemd gives a unit 90 s to stop, and a broker asks for 180 s.
STOP_LIMIT = 240.0


class Body:
    """The kernel's side of one machine: where it is mounted, runs and is connected."""

    def __init__(
        self, files: MachineFiles, name: str, netns: str, cgroup: str, cgroups: Cgroups
    ) -> None:
        self.files = files
        self.name = name
        self.netns = netns
        self.cgroup = cgroup
        self.cgroups = cgroups

    def running(self) -> bool:
        """Whether the machine lives under its nspawn; a machine that lost it counts as dead."""
        return self.nspawn() is not None

    def nspawn(self) -> int | None:
        """The process id of the machine's systemd-nspawn."""
        for pid in self.cgroups.processes(self.cgroup):
            if _command_of(pid) == "systemd-nspawn" and _nspawn_of(pid):
                return pid
        return None

    def leader(self) -> int:
        """The process id, on the host, of the machine's own init."""
        nspawn = self.nspawn()
        children = _children(nspawn) if nspawn else []
        if not children:
            raise LabError(f"machine {self.name} does not run: start it first")
        return children[0]


def create(files: MachineFiles, record: MachineRecord) -> None:
    """Disk and identity of the machine are on file; nothing of it runs yet."""
    for directory in (files.upper, files.work, files.root):
        directory.mkdir(parents=True, exist_ok=True)
    disks.create(files.disk, record.spec.disk_gb)


def host_key(files: MachineFiles) -> str:
    """The public half of the machine's SSH host key, made at the first call."""
    files.directory.mkdir(parents=True, exist_ok=True)
    files.directory.chmod(0o700)
    key = files.directory / "ssh_host_ed25519_key"
    if not key.with_suffix(".pub").exists():
        key.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key))
    return key.with_suffix(".pub").read_text().strip()


def boot(body: Body, image: Path, lxcfs: Path, limits: Limits, record: MachineRecord) -> None:
    """The machine's systemd is starting; remains of an earlier life are gone first.

    A killed nspawn leaves the machine alive and frees its lock, so a second systemd could start
    on the same root, address and disk. Therefore the cgroup must be empty before each start.
    """
    body.cgroups.kill(body.cgroup)
    body.cgroups.create(body.cgroup, limits)
    first = _mount_root(body.files, image)
    _write_identity(body.files, record, first)
    device = disks.attach(body.files.disk)
    _start_keeper(body, _nspawn_command(body, lxcfs, device))


def wait_for_ssh(name: str, address: IPv4Address, limit: float = BOOT_LIMIT) -> None:
    """The machine's SSH server greets at its address."""
    wait_for(
        lambda: _greets(address), f"machine {name} at {address} does not answer SSH", limit=limit
    )


def power_off(body: Body) -> None:
    """The machine has shut down in order, and no process of it is left."""
    nspawn = body.nspawn()
    if nspawn is not None:
        if body.cgroups.frozen(body.cgroup):
            body.cgroups.freeze(body.cgroup, frozen=False)
        os.kill(nspawn, signal.SIGTERM)
        wait_for(
            lambda: not body.cgroups.populated(body.cgroup),
            f"machine {body.name} did not shut down",
            limit=STOP_LIMIT,
        )
    kill(body)


def kill(body: Body) -> None:
    """No process of the machine is left, as after a power loss; its own firewall is lost too."""
    body.cgroups.kill(body.cgroup)
    flush_tables(body.netns)


def flush_tables(netns: str) -> None:
    """The namespace's nftables tables are gone, the lab's own ones (`lab_*`) excepted."""
    if not Path("/run/netns", netns).exists():
        return
    for line in run(*in_netns(netns, ("nft", "list", "tables"))).splitlines():
        _, family, table = line.split()
        if not table.startswith("lab_"):
            run(*in_netns(netns, ("nft", "delete", "table", family, table)))


def release(body: Body) -> None:
    """Mounts, loop device and cgroup of the dead machine are gone; its files remain."""
    body.cgroups.kill(body.cgroup)
    mounts.unmount_below(body.files.directory)
    disks.detach(body.files.disk)
    body.cgroups.remove(body.cgroup)
    propagate = Path("/run/systemd/nspawn/propagate") / nspawn_name(body)
    if propagate.is_dir():
        propagate.rmdir()


def erase(body: Body) -> None:
    """The machine's files are gone. Never begun while anything is mounted below them."""
    release(body)
    mounted = mounts.below(body.files.directory)
    if mounted:
        raise LabError(f"machine {body.name} is not erased, since {mounted[0]} is still mounted")
    shutil.rmtree(body.files.directory, ignore_errors=False)
    body.files.lock.unlink(missing_ok=True)


def nspawn_name(body: Body) -> str:
    return re.sub("/", "-", body.cgroup)


def _mount_root(files: MachineFiles, image: Path) -> bool:
    """Mount the machine's root; whether this is its first life."""
    first = not (files.upper / "etc").exists()
    if not mounts.is_mounted(files.root):
        layers = f"lowerdir={image},upperdir={files.upper},workdir={files.work}"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(files.root))
    return first


def _write_identity(files: MachineFiles, record: MachineRecord, first: bool) -> None:
    """Name, hosts, keys: written through the mounted root, never into the layer below it."""
    spec, etc = record.spec, files.root / "etc"
    hostname = spec.hostname or spec.name
    _put(etc / "hostname", f"{hostname}\n")
    _put(etc / "hosts", hosts_text(spec, record.address))
    if not first:
        return
    _put(etc / "machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    for suffix, mode in (("", 0o600), (".pub", 0o644)):
        key = f"ssh_host_ed25519_key{suffix}"
        _put(etc / "ssh" / key, (files.directory / key).read_text(), mode)
    ssh = files.root / "root/.ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    _put(ssh / "authorized_keys", f"{spec.authorized_key.strip()}\n", 0o600)


def hosts_text(spec: MachineSpec, address: IPv4Address) -> str:
    """The machine's /etc/hosts."""
    lines = ["127.0.0.1 localhost", f"{address} {spec.hostname or spec.name}"]
    lines += [f"{entry.address} {entry.name}" for entry in spec.hosts]
    return "".join(f"{line}\n" for line in lines)


def _put(path: Path, content: str, mode: int = 0o644) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    path.chmod(mode)


def _nspawn_command(body: Body, lxcfs: Path, device: str) -> list[str]:
    return [
        "env",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network",
        "systemd-nspawn",
        "--quiet",
        "--boot",
        f"--directory={body.files.root}",
        f"--machine={nspawn_name(body)}",
        f"--network-namespace-path=/run/netns/{body.netns}",
        "--register=no",
        "--keep-unit",
        "--link-journal=no",
        "--console=read-only",
        "--resolv-conf=off",
        "--timezone=off",
        "--capability=CAP_NET_ADMIN",
        f"--bind={lxcfs}:/var/lib/lxcfs",
        f"--bind={device}:/dev/vdb",
    ]


def _start_keeper(body: Body, command: list[str]) -> None:
    """One small process in a session of its own, so that it survives whoever called.

    It waits in a leaf beside the machine's cgroups and dies with them when they are killed.
    """
    leaf = f"{body.cgroup}/keeper"
    keeper_doors = [body.cgroups.doors(leaf)[-1]]
    keeper_doors[0].parent.mkdir(exist_ok=True)
    enter = str(HERE / "enter.sh")
    doors = [str(door) for door in body.cgroups.doors(body.cgroup)]
    machine = ["sh", enter, str(len(doors)), *doors, *command]
    keeper = [
        *("sh", enter, str(len(keeper_doors)), *map(str, keeper_doors)),
        *("sh", str(HERE / "keeper.sh"), f"/run/netns/{body.netns}", str(body.files.console)),
        *machine,
    ]
    with (body.files.directory / "keeper.log").open("ab") as log:
        subprocess.Popen(
            ["setsid", "--fork", *keeper],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        ).wait()


def _greets(address: IPv4Address) -> bool:
    try:
        with socket.create_connection((str(address), 22), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _nspawn_of(pid: int) -> bool:
    """Whether it is nspawn's own process, not its child on the way to become the machine."""
    return bool(_children(pid)) and not _inside_machine(pid)


def _inside_machine(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
    except OSError:
        return True


def _children(pid: int) -> list[int]:
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
