"""What this host has."""

from __future__ import annotations

import os
from pathlib import Path


def available_memory() -> int:
    """Bytes that the host could give to new processes without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def available_disk(directory: Path) -> int:
    """Bytes free on the file system that holds, or would hold, the directory."""
    while not directory.exists():
        directory = directory.parent
    stat = os.statvfs(directory)
    return stat.f_bavail * stat.f_frsize


def allocated(file: Path) -> int:
    """Bytes that a sparse file really takes."""
    return file.stat().st_blocks * 512 if file.exists() else 0
