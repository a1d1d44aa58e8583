"""Mounts below a directory, asked from the kernel."""

from __future__ import annotations

import shutil
from pathlib import Path

from inventories.lab.commands import run, works
from inventories.lab.errors import LabError


def below(directory: Path) -> list[Path]:
    """The mount points at or below the directory, deepest first."""
    points = [_decode(line.split()[4]) for line in _mountinfo()]
    inside = [p for p in points if p == directory or directory in p.parents]
    return sorted(inside, key=lambda p: len(p.parts), reverse=True)


def is_mounted(directory: Path) -> bool:
    """Whether the directory is a mount point.

    Asked from the table and not from the file system, which fails on a dead FUSE mount.
    """
    return directory in [_decode(line.split()[4]) for line in _mountinfo()]


def unmount_below(directory: Path) -> None:
    """Nothing is mounted at or below the directory; a busy mount is detached."""
    for point in below(directory):
        if not works("umount", str(point)):
            run("umount", "--lazy", str(point))


def erase(directory: Path) -> None:
    """The directory is gone. `LabError`, with nothing removed, while anything is mounted there."""
    mounted = below(directory)
    if mounted:
        raise LabError(f"{directory} is not erased, since {mounted[0]} is still mounted")
    if directory.exists():
        shutil.rmtree(directory)


def _mountinfo() -> list[str]:
    return Path("/proc/self/mountinfo").read_text().splitlines()


def _decode(field: str) -> Path:
    """The kernel writes blanks in paths as octal numbers."""
    return Path(field.encode().decode("unicode_escape"))
