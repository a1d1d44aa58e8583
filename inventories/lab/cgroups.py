"""CPU and memory of a machine, and the power over its processes.

Two backends with the same calls: `HybridCgroups` (cgroup v1 controllers, with the empty v2 tree
at `unified` for kill and freeze) and `UnifiedCgroups` (v2, below a delegated directory).
A path is relative, as `kf0/broker-1`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from inventories.lab.commands import run, wait_for
from inventories.lab.errors import LabError

ROOT = Path("/sys/fs/cgroup")
TOP = "kafka-fleet"
PERIOD_US = 100_000


class Limits(BaseModel):
    """What a machine may use. An empty cpuset means every core of the host."""

    model_config = ConfigDict(frozen=True)

    memory_bytes: int
    cpus: tuple[int, ...]
    pids: int = 8192

    @property
    def cpuset(self) -> str:
        return ",".join(map(str, self.cpus))


class Cgroups(Protocol):
    """The power over a machine's processes, whatever the host's cgroup version."""

    @property
    def hidden_from_machine(self) -> bool:
        """Whether the machine cannot see its own limits in its cgroup tree."""

    def create(self, path: str, limits: Limits) -> None:
        """The cgroup exists in every hierarchy, with its limits."""

    def limit(self, path: str, limits: Limits) -> None:
        """The limits of a living cgroup are these; running processes feel them at once."""

    def doors(self, path: str) -> list[Path]:
        """The files a process writes its id into to enter the cgroup in every hierarchy."""

    def leaf(self, path: str) -> Path:
        """The door of a cgroup without limits, where a process can wait and be killed."""

    def memory_used(self, path: str) -> int:
        """Bytes in use, page cache included; 0 when the cgroup does not exist."""

    def processes(self, path: str) -> list[int]: ...

    def populated(self, path: str) -> bool: ...

    def kill(self, path: str) -> None:
        """No process is left in the cgroup or below."""

    def freeze(self, path: str, frozen: bool) -> None: ...

    def frozen(self, path: str) -> bool: ...

    def remove(self, path: str) -> None:
        """The cgroup and those below are gone, in every hierarchy."""


class _Tree:
    """What both backends do alike: kill, freeze and look, on a tree of the v2 kind."""

    def __init__(self, tree: Path, others: Iterable[Path] = ()) -> None:
        self._tree = tree
        self._others = list(others)

    def doors(self, path: str) -> list[Path]:
        return [root / path / "cgroup.procs" for root in (*self._others, self._tree)]

    def leaf(self, path: str) -> Path:
        (self._tree / path).mkdir(parents=True, exist_ok=True)
        return self._tree / path / "cgroup.procs"

    def processes(self, path: str) -> list[int]:
        found: list[int] = []
        # `os.walk` passes over directories that vanish meanwhile, as cgroups do at any time.
        for directory, _, _ in os.walk(self._tree / path):
            found += _members(Path(directory))
        return found

    def populated(self, path: str) -> bool:
        return _event(self._tree / path, "populated")

    def frozen(self, path: str) -> bool:
        return _event(self._tree / path, "frozen")

    def kill(self, path: str) -> None:
        directory = self._tree / path
        if not directory.exists():
            return
        (directory / "cgroup.kill").write_text("1")
        wait_for(
            lambda: not self.populated(path),
            f"the processes in cgroup {path} did not end after a kill",
            limit=20,
        )

    def freeze(self, path: str, frozen: bool) -> None:
        (self._tree / path / "cgroup.freeze").write_text("1" if frozen else "0")
        wait_for(
            lambda: self.frozen(path) == frozen,
            f"cgroup {path} did not {'freeze' if frozen else 'thaw'}",
            limit=10,
        )

    def remove(self, path: str) -> None:
        for root in (*self._others, self._tree):
            _remove_tree(root / path)


class HybridCgroups(_Tree):
    """cgroup v1 controllers beside the v2 tree at `unified`."""

    hidden_from_machine = False

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        hierarchies = ("systemd", "memory", "cpu", "cpuset", "cpuacct", "pids", "freezer")
        super().__init__(
            root / "unified" / TOP,
            [root / name / TOP for name in hierarchies if (root / name).is_dir()],
        )

    def create(self, path: str, limits: Limits) -> None:
        for root in (*self._others, self._tree):
            (root / path).mkdir(parents=True, exist_ok=True)
        self._fill_cpuset(path)
        self.limit(path, limits)

    def _fill_cpuset(self, path: str) -> None:
        """A v1 cpuset takes no process until cpus and mems are filled, from the top down."""
        directory = self._root / "cpuset"
        for part in (TOP, *path.split("/")):
            parent, directory = directory, directory / part
            for name in ("cpuset.cpus", "cpuset.mems"):
                if not (directory / name).read_text().strip():
                    (directory / name).write_text((parent / name).read_text())

    def limit(self, path: str, limits: Limits) -> None:
        memory = self._root / "memory" / TOP / path
        _write_memory_v1(memory, limits.memory_bytes)
        quota = len(limits.cpus) * PERIOD_US
        cpu = self._root / "cpu" / TOP / path
        (cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (cpu / "cpu.cfs_quota_us").write_text(str(quota))
        (self._root / "cpuset" / TOP / path / "cpuset.cpus").write_text(limits.cpuset)
        (self._root / "pids" / TOP / path / "pids.max").write_text(str(limits.pids))

    def memory_used(self, path: str) -> int:
        usage = self._root / "memory" / TOP / path / "memory.usage_in_bytes"
        return int(usage.read_text()) if usage.exists() else 0


class UnifiedCgroups(_Tree):
    """cgroup v2 below a directory that was delegated to the lab."""

    hidden_from_machine = True

    def __init__(self, delegated: Path) -> None:
        self._delegated = delegated
        super().__init__(delegated / TOP)

    def create(self, path: str, limits: Limits) -> None:
        directory = self._delegated
        for part in (TOP, *path.split("/")):
            _enable_controllers(directory)
            directory = directory / part
            directory.mkdir(exist_ok=True)
        self.limit(path, limits)

    def limit(self, path: str, limits: Limits) -> None:
        directory = self._tree / path
        if _anonymous_memory(directory) > limits.memory_bytes:
            raise _no_room_to_shrink(limits.memory_bytes)
        (directory / "memory.max").write_text(str(limits.memory_bytes))
        (directory / "memory.swap.max").write_text("0")
        (directory / "cpu.max").write_text(f"{len(limits.cpus) * PERIOD_US} {PERIOD_US}")
        (directory / "cpuset.cpus").write_text(limits.cpuset)
        (directory / "pids.max").write_text(str(limits.pids))

    def memory_used(self, path: str) -> int:
        usage = self._tree / path / "memory.current"
        return int(usage.read_text()) if usage.exists() else 0


def detect(root: Path = ROOT) -> Cgroups:
    """The backend that fits this host; `LabError` when neither does."""
    if (root / "cgroup.controllers").exists():
        return UnifiedCgroups(_delegated(root))
    if (root / "memory").is_dir() and (root / "unified/cgroup.procs").exists():
        return HybridCgroups(root)
    raise LabError(
        f"{root} holds neither cgroup v2 nor cgroup v1 with a v2 tree at `unified`: "
        "boot the host with one of them"
    )


def _delegated(root: Path) -> Path:
    """A v2 directory whose children the lab may manage.

    Without systemd (a container) that is the root. systemd owns the tree of its host, so a unit
    with `Delegate=yes` is asked for a part of it; the unit's own process waits in a leaf, since
    a cgroup with children holds no processes.
    """
    if not Path("/run/systemd/system").is_dir():
        _vacate(root)
        return root
    unit = f"{TOP}-lab.service"
    service = root / "system.slice" / unit
    if not service.is_dir():
        waiter = 'mkdir "$0/waiter" && echo $$ > "$0/waiter/cgroup.procs" && exec sleep infinity'
        run("systemd-run", f"--unit={unit}", "-pDelegate=yes", "sh", "-c", waiter, str(service))
        wait_for(
            (service / "waiter").is_dir, f"the unit {unit} did not start on this host", limit=10
        )
    return service


def _vacate(directory: Path) -> None:
    """Processes that stand in a container's root move to a leaf.

    Only the host's true root, which has no `cgroup.type`, may hold processes and children.
    """
    if not (directory / "cgroup.type").exists():
        return
    leaf = directory / "entry"
    leaf.mkdir(exist_ok=True)
    for pid in (directory / "cgroup.procs").read_text().split():
        (leaf / "cgroup.procs").write_text(pid)


def _enable_controllers(directory: Path) -> None:
    control = directory / "cgroup.subtree_control"
    wanted = {"memory", "cpu", "cpuset", "pids"} - set(control.read_text().split())
    if wanted:
        control.write_text(" ".join(f"+{name}" for name in sorted(wanted)))


def _write_memory_v1(directory: Path, limit: int) -> None:
    """Set both v1 limits; memory alone may never exceed memory with swap, not even between."""
    memory = directory / "memory.limit_in_bytes"
    with_swap = directory / "memory.memsw.limit_in_bytes"
    files = [file for file in (with_swap, memory) if file.exists()]
    if limit < int(memory.read_text()):
        files.reverse()
    for file in files:
        try:
            file.write_text(str(limit))
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            raise _no_room_to_shrink(limit) from error


def _anonymous_memory(directory: Path) -> int:
    """Bytes that cannot be reclaimed. v2 would take a limit below them, and kill at once."""
    fields = (line.split() for line in (directory / "memory.stat").read_text().splitlines())
    return next((int(value) for name, value in fields if name == "anon"), 0)


def _no_room_to_shrink(limit: int) -> LabError:
    return LabError(
        f"memory cannot shrink to {limit >> 20} MB while more is in use: "
        "stop processes in the machine first"
    )


def _members(directory: Path) -> list[int]:
    try:
        return [int(pid) for pid in (directory / "cgroup.procs").read_text().split()]
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return []
        raise


def _event(directory: Path, name: str) -> bool:
    try:
        text = (directory / "cgroup.events").read_text()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return False
        raise
    return f"{name} 1" in text


def _remove_tree(directory: Path) -> None:
    if not directory.is_dir():
        return
    for below, _, _ in os.walk(directory, topdown=False):
        wait_for(
            lambda below=below: _try_rmdir(Path(below)),  # type: ignore[misc]
            f"cgroup {below} cannot be removed",
            limit=10,
        )


def _try_rmdir(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    return True
