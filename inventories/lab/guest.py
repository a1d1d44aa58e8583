"""One machine as the kernel sees it: its mounts, its processes, its namespace.

Knows nothing of the lab's other machines nor of its cloud.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from inventories.lab import disks, identity, mounts
from inventories.lab.cgroups import Cgroups, Limits
from inventories.lab.commands import in_netns, run, wait_for
from inventories.lab.errors import LabError
from inventories.lab.model import MachineRecord
from inventories.lab.network import NETNS
from inventories.lab.state import LabFiles, MachineFiles

HERE = Path(__file__).parent
PROPAGATE = Path("/run/systemd/nspawn/propagate")
BOOT_LIMIT = 60.0
# systemd gives a unit 90 s to stop, and a broker asks for 180 s.
STOP_LIMIT = 240.0


@dataclass(frozen=True)
class Guest:
    """Where a machine is mounted, runs and is connected."""

    files: MachineFiles
    name: str
    netns: str
    cgroup: str
    cgroups: Cgroups

    @property
    def nspawn_name(self) -> str:
        return self.cgroup.replace("/", "-")

    def running(self) -> bool:
        """Whether the machine lives under its nspawn; a machine that lost it counts as dead."""
        return self.leader() is not None

    def frozen(self) -> bool:
        return self.cgroups.frozen(self.cgroup)

    def nspawn(self) -> int | None:
        """The process id of the machine's systemd-nspawn."""
        for pid in self.cgroups.processes(self.cgroup):
            if _command_of(pid) == "systemd-nspawn" and not _inside_machine(pid):
                return pid
        return None

    def leader(self) -> int | None:
        """The process id, on the host, of the machine's own init."""
        nspawn = self.nspawn()
        children = _children(nspawn) if nspawn else []
        return next((pid for pid in children if _inside_machine(pid)), None)

    def alive(self) -> int:
        """The leader of a running machine; `LabError` when it does not run."""
        leader = self.leader()
        if leader is None:
            raise LabError(f"machine {self.name} does not run: start it first")
        return leader

    def run(self, *argv: str) -> str:
        """The output of a command run within the machine, without its SSH server."""
        return run("nsenter", "-t", str(self.alive()), "-a", *argv)


def create(files: MachineFiles, disk_gb: int) -> None:
    """Disk and directories of the machine are there; nothing of it runs yet."""
    for directory in (files.upper, files.work, files.root):
        directory.mkdir(parents=True, exist_ok=True)
        # The upper layer is the machine's "/": the caller's umask must not close it to its users.
        directory.chmod(0o755)
    disks.create(files.disk, disk_gb)


def boot(guest: Guest, lab: LabFiles, limits: Limits, record: MachineRecord) -> None:
    """The machine's systemd is starting; remains of an earlier life are gone first.

    A killed nspawn leaves the machine alive and frees its lock, so a second systemd could start
    on the same root, address and disk. Therefore the cgroup must be empty before each start.
    """
    kill(guest)
    guest.cgroups.create(guest.cgroup, limits)
    _mount_root(guest.files, lab.image)
    identity.write(guest.files, record)
    if guest.cgroups.hidden_from_machine:
        identity.write_limits(guest.files.root, limits)
    device = disks.attach(guest.files.disk)
    _start_keeper(guest, _nspawn_command(guest, lab.lxcfs, device))


def wait_for_ssh(name: str, address: IPv4Address, limit: float = BOOT_LIMIT) -> None:
    """The machine's SSH server greets at its address."""
    wait_for(
        lambda: _greets(address), f"machine {name} at {address} does not answer SSH", limit=limit
    )


def power_off(guest: Guest) -> None:
    """The machine has shut down in order, and no process of it is left."""
    if guest.frozen():
        guest.cgroups.freeze(guest.cgroup, frozen=False)
    nspawn = guest.nspawn()
    if nspawn is not None:
        os.kill(nspawn, signal.SIGTERM)
        wait_for(
            lambda: not guest.cgroups.populated(guest.cgroup),
            f"machine {guest.name} did not shut down",
            limit=STOP_LIMIT,
        )
    kill(guest)


def kill(guest: Guest) -> None:
    """No process of the machine is left, as after a power loss; its own firewall is lost too."""
    guest.cgroups.kill(guest.cgroup)
    flush_tables(guest.netns)


def flush_tables(netns: str) -> None:
    """The namespace's nftables tables are gone, the lab's own ones (`lab_*`) excepted.

    A real machine loses its tables when it goes down; here the namespace outlives it.
    """
    if not (NETNS / netns).exists():
        return
    for line in run(*in_netns(netns, ("nft", "list", "tables"))).splitlines():
        _, family, table = line.split()
        if not table.startswith("lab_"):
            run(*in_netns(netns, ("nft", "delete", "table", family, table)))


def erase(guest: Guest) -> None:
    """Nothing of the dead machine is left: mounts, loop device, cgroup, then its files.

    Files are never removed while anything is mounted among them.
    """
    mounts.unmount_below(guest.files.directory)
    disks.detach(guest.files.disk)
    guest.cgroups.remove(guest.cgroup)
    propagate = PROPAGATE / guest.nspawn_name
    if propagate.is_dir():
        propagate.rmdir()
    mounts.erase(guest.files.directory)
    guest.files.lock.unlink(missing_ok=True)


def enter_cgroups(doors: Sequence[Path], command: Sequence[str]) -> list[str]:
    """The command as run from within the cgroups of these doors."""
    return ["sh", str(HERE / "enter.sh"), str(len(doors)), *map(str, doors), *command]


def _mount_root(files: MachineFiles, image: Path) -> None:
    if not mounts.is_mounted(files.root):
        layers = f"lowerdir={image},upperdir={files.upper},workdir={files.work}"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(files.root))


def _nspawn_command(guest: Guest, lxcfs: Path, device: str) -> list[str]:
    return [
        "env",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network",
        "systemd-nspawn",
        "--quiet",
        "--boot",
        f"--directory={guest.files.root}",
        f"--machine={guest.nspawn_name}",
        f"--network-namespace-path={NETNS / guest.netns}",
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


def _start_keeper(guest: Guest, nspawn: list[str]) -> None:
    """One small shell in a session of its own, so that it survives whoever called.

    It waits in a leaf beside the machine's cgroups and dies with them when they are killed.
    """
    leaf = guest.cgroups.leaf(f"{guest.cgroup}/keeper")
    machine = enter_cgroups(guest.cgroups.doors(guest.cgroup), nspawn)
    script = [str(HERE / "keeper.sh"), str(NETNS / guest.netns), str(guest.files.console)]
    with (guest.files.directory / "keeper.log").open("ab") as log:
        subprocess.Popen(
            ["setsid", "--fork", *enter_cgroups([leaf], ["sh", *script, *machine])],
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


def _inside_machine(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
