"""Data disks: sparse files of real size behind loop devices."""

from __future__ import annotations

import json
import os
from pathlib import Path

from inventories.lab.commands import run
from inventories.lab.errors import LabRefused

GB = 1 << 30


def create(image: Path, gb: int) -> None:
    """A sparse file of this size is there; an existing one is left alone."""
    if image.exists():
        return
    partial = image.with_suffix(".partial")
    with partial.open("wb") as file:
        file.truncate(gb * GB)
    partial.rename(image)


def attach(image: Path) -> str:
    """The loop device of the file, attached at most once."""
    return attached(image) or run("losetup", "-f", "--show", str(image)).strip()


def attached(image: Path) -> str | None:
    """The loop device that the file is attached to, asked from the kernel."""
    return devices().get(image)


def devices() -> dict[Path, str]:
    """Every loop device of this host by its file."""
    listed = json.loads(run("losetup", "--json", "--list", "-O", "NAME,BACK-FILE") or "{}")
    return {
        Path(entry["back-file"].removesuffix(" (deleted)")): entry["name"]
        for entry in listed.get("loopdevices", [])
        if entry["back-file"]
    }


def grow(image: Path, gb: int) -> None:
    """The disk has this size, at once also within a running machine; it never shrinks."""
    size = image.stat().st_size
    if gb * GB < size:
        raise LabRefused(f"disk_gb {gb} is below the present {size // GB}: a disk only grows")
    os.truncate(image, gb * GB)
    device = attached(image)
    if device:
        run("losetup", "-c", device)


def detach(image: Path) -> None:
    """The file has no loop device."""
    device = attached(image)
    if device:
        run("losetup", "-d", device)
