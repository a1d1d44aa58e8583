"""Processes that outlive the command that started them: who they are, and whether they live.

A pid alone would be taken for its successor, so a process is its pid, the clock tick it started
at and the boot of the machine (proc(5)).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.domain.errors import EffectFailed

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
KILL_SECONDS = 10
LOOK_SECONDS = 0.1
NICENESS = 10
"""The control plane gives way: what serves clients may be on the same machine."""


@dataclass(frozen=True)
class Process:
    """One process of this machine, now or in the past."""

    pid: int
    started_ticks: int
    boot: str

    def alive(self) -> bool:
        """Whether it still runs; one that ended and waits to be reaped does not."""
        return self == process(self.pid)

    def resident_bytes(self) -> int:
        """Memory in use; 0 once it has ended."""
        text = _read(Path(f"/proc/{self.pid}/statm"))
        return int(text.split()[1]) * PAGE if text and self.alive() else 0

    def age_seconds(self) -> float:
        """How long ago it was started."""
        up = float(Path("/proc/uptime").read_text().split()[0])
        return up - self.started_ticks / TICKS


def process(pid: int) -> Process | None:
    """The living process with this pid, if there is one."""
    text = _read(Path(f"/proc/{pid}/stat"))
    if not text:
        return None
    # The program's name stands in parentheses and may hold both blanks and parentheses.
    state, *numbers = text.rpartition(")")[2].split()
    return None if state in "ZXx" else Process(pid, int(numbers[18]), _boot())


def remember(path: Path, found: Process) -> None:
    """The file names the process, for whoever comes later."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(f"{found.pid} {found.started_ticks} {found.boot}\n")
    fresh.replace(path)


def remembered(path: Path) -> Process | None:
    """The living process that the file names; None when there is no file or it has ended."""
    words = _read(path).split()
    if len(words) != 3:
        return None
    found = Process(int(words[0]), int(words[1]), words[2])
    return found if found.alive() else None


def launch(argv: Sequence[str], environment: Mapping[str, str], log: Path) -> Process | None:
    """A new process in a session of its own, that writes to the log and goes on without us.

    It gives way to what serves clients, should that be on the same machine.
    No signal is ignored or blocked there: Prefect's worker turns SIGTERM into SIGINT, which a
    shell's background job would ignore. None when it ended at once.
    """
    append = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    pid = os.posix_spawn(
        argv[0],
        list(argv),
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD],
    )
    started = process(pid)
    if started is not None:
        _yield_cores(started.pid)
    return started


def _yield_cores(pid: int) -> None:
    """The process, and all that it starts, gives way to others.

    Where the kernel groups processes by session, only its group counts beside others (sched(7));
    it takes that from a user ten times a second at most, and a start is not worth a failure.
    """
    group = Path(f"/proc/{pid}/autogroup")
    with contextlib.suppress(ProcessLookupError, FileNotFoundError, BlockingIOError):
        niceness = max(os.getpriority(os.PRIO_PROCESS, pid), NICENESS)
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
        group.write_text(f"{niceness}\n")


def send(target: Process, number: signal.Signals) -> None:
    """The process gets the signal, if it still is that one."""
    with contextlib.suppress(ProcessLookupError):
        if target.alive():
            os.kill(target.pid, number)


def stop(target: Process, seconds: float) -> None:
    """The process has ended: asked by SIGTERM, killed when it has not after the seconds."""
    for number, limit in ((signal.SIGTERM, seconds), (signal.SIGKILL, KILL_SECONDS)):
        send(target, number)
        if ends_within(target, limit):
            return
    raise EffectFailed(f"process {target.pid}: it did not end within {KILL_SECONDS} s of SIGKILL")


def ends_within(target: Process, seconds: float) -> bool:
    """Whether the process ends before the seconds are over."""
    limit = time.monotonic() + seconds
    while target.alive():
        if time.monotonic() > limit:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def environments() -> Iterator[tuple[int, str]]:
    """Pid and environment, as it was at its start, of every process that we may read."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (text := _read(entry / "environ")):
            yield int(entry.name), text


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
