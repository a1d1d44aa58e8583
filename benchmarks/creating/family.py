"""A process with all its descendants: what they use together."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and its descendants; one that left for another parent is not among them."""
    found = [pid]
    for each in found:  # it grows meanwhile, by those who are still to be asked
        found += _children(each)
    return found


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a family so far, of those who were waited for as well."""
    return sum(_times(each) for each in family(pid)) / TICKS


def memory_kib(pid: int) -> tuple[int, int]:
    """Resident KiB of one process, and its proportional share of them."""
    lines = (line.split() for line in text(pid, "smaps_rollup").splitlines())
    sizes = {words[0]: int(words[1]) for words in lines if words[0] in ("Rss:", "Pss:")}
    return sizes.get("Rss:", 0), sizes.get("Pss:", 0)


def text(pid: int, name: str) -> str:
    """What the kernel tells of a process; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    """Each thread has its own."""
    found: list[str] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        found += text(pid, f"task/{task.name}/children").split()
    return [int(child) for child in found]


def _times(pid: int) -> int:
    """User and system ticks, its own and those of children it waited for (proc(5))."""
    fields = text(pid, "stat").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])
