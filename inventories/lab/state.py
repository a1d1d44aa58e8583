"""The lab's files: one JSON for the lab, one for its cloud, one per machine.

Only what was asked for is written down. Whether a machine runs, which device its disk has or
what is mounted is always asked from the kernel, since files lie after a crash.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from inventories.lab.commands import wait_for
from inventories.lab.durable import write_durably
from inventories.lab.errors import LabError
from inventories.lab.model import Factor, MachineRecord
from inventories.lab.ruleset import Cloud

Model = TypeVar("Model", bound=BaseModel)
LOCK_LIMIT = 1200.0
"""Seconds: above the limit of an image's build."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LabRecord(BaseModel):
    """What a lab keeps from its first `up` until it is destroyed.

    Its image is one of them: machines stand on it, so it must not change below them.
    """

    model_config = ConfigDict(frozen=True)

    slot: int
    network: str
    factor: Factor
    image: Path | None = None


class MachineFiles:
    """Where the files of one machine lie."""

    def __init__(self, machines: Path, name: str) -> None:
        self.directory = machines / name
        self.record = self.directory / "machine.json"
        self.upper = self.directory / "upper"
        self.work = self.directory / "work"
        self.root = self.directory / "root"
        self.disk = self.directory / "data.img"
        self.host_key = self.directory / "ssh_host_ed25519_key"
        self.identified = self.directory / "identified"
        self.console = self.directory / "console.log"
        self.lock = machines / f".{name}.lock"


class LabFiles:
    """Where the files of one lab lie, and how they are read and written."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.labs = root
        self.directory = root / name
        self.record = self.directory / "lab.json"
        self.cloud = self.directory / "cloud.json"
        self.up = self.directory / "up"
        self.image = self.directory / "image"
        self.lxcfs = self.directory / "lxcfs"
        self.lxcfs_pid = self.directory / "lxcfs.pid"
        self.machines = self.directory / "machines"
        self.lock = root / f".{name}.lock"
        self.cloud_lock = self.directory / ".cloud.lock"
        self.address_lock = self.directory / ".addresses.lock"

    def machine(self, name: str) -> MachineFiles:
        return MachineFiles(self.machines, name)

    def machine_records(self) -> list[MachineRecord]:
        """Every machine of the lab, by name."""
        found = sorted(self.machines.glob("*/machine.json"))
        records = (read(path, MachineRecord) for path in found)
        return [record for record in records if record]

    def read_cloud(self) -> Cloud:
        return read(self.cloud, Cloud) or Cloud()

    def is_up(self) -> bool:
        """Whether `up` was finished since the host booted, and no `down` began."""
        return self.up.exists() and self.up.read_text() == BOOT_ID.read_text()

    def mark_up(self) -> None:
        self.up.write_text(BOOT_ID.read_text())


def lab_records(labs: Path) -> dict[str, LabRecord]:
    """The records of all labs under a root, by name."""
    records = {path.parent.name: read(path, LabRecord) for path in labs.glob("*/lab.json")}
    return {name: record for name, record in records.items() if record}


def read(path: Path, model: type[Model]) -> Model | None:
    """The file's content, or None when there is no file; `LabError` for a damaged one."""
    try:
        return model.model_validate_json(path.read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError) as error:
        raise LabError(
            f"{path} is damaged and cannot be read: put it back from a copy, or remove "
            f"{path.parent} with all it holds"
        ) from error


def write(path: Path, value: BaseModel) -> None:
    """The file holds the value, after a power loss too; readers see the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, value.model_dump_json(indent=2))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one process and thread at a time is within; the kernel frees it after a crash.

    `LabError` when it does not get free within `LOCK_LIMIT`, which is longer than any verb takes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        wait_for(
            lambda: _take(path, held),
            f"{path} is held by another call that does not end",
            LOCK_LIMIT,
        )
        yield


def _take(path: Path, held: ExitStack) -> bool:
    """Whether the lock was free; then it is kept open in `held`."""
    with ExitStack() as attempt:
        lock = attempt.enter_context(path.open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if not _is_still(path, lock.fileno()):
            return False
        held.enter_context(attempt.pop_all())
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the locked file is the one of that name: who held it before may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
