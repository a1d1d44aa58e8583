"""Which processes of this machine live, as Linux tells under /proc (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

from flows.domain.operations import Run

_ENDED = frozenset("ZXx")


class LinuxProcesses:
    """Implements `Processes`: a process is its boot, its pid and the tick it started at.

    A pid alone would be taken for its successor: pids are given again, after a reboot at once.
    """

    def here(self, run_id: str, link: str) -> Run:
        """The run that this very process carries out."""
        pid = os.getpid()
        found = _stat(pid)
        if found is None:
            raise RuntimeError(f"/proc/{pid}/stat: this process cannot read its own state")
        return Run(id=run_id, link=link, boot=_boot(), pid=pid, started_ticks=found[1])

    def alive(self, run: Run) -> bool:
        """Whether the process of the run still runs; one that ended and waits to be reaped not."""
        if run.boot != _boot():
            return False
        found = _stat(run.pid)
        return found is not None and found[0] not in _ENDED and found[1] == run.started_ticks


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> tuple[str, int] | None:
    """State and start (clock ticks since boot) of a process, or None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program's name stands in parentheses and may hold both blanks and parentheses.
    state, *numbers = text.rpartition(")")[2].split()
    return state, int(numbers[18])
