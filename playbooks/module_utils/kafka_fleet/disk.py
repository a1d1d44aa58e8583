"""The data disk of a host: formatted once, when it is blank, mounted by systemd, grown live."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass

from .commands import run
from .writing import Attributes, remove, write_atomically

LABEL = "kafka-fleet"
UNITS = "/etc/systemd/system"
SMALLEST_GROUP = 64
"""Blocks of XFS's smallest allocation group: a device that is larger by less adds nothing."""

_UNIT = """[Unit]
Description=Data disk of Kafka and ZooKeeper

[Mount]
What={what}
Where={where}
Type=xfs
Options=noatime

[Install]
WantedBy=local-fs.target
"""


class DiskRefused(Exception):
    """The device is not a disk that may become, or is, the data disk."""


@dataclass(frozen=True)
class DataDisk:
    """A device and the directory where its file system appears."""

    device: str
    path: str
    check: bool = False

    @property
    def unit(self) -> str:
        """systemd's name of the mount."""
        return run("systemd-escape", "--path", "--suffix=mount", self.path).strip()


def mount(disk: DataDisk) -> list[str]:
    """The disk is formatted, mounted, and mounted again at each boot; returns what was done."""
    done = []
    if _found_on(disk.device) is None:
        done.append(f"format {disk.device}")
        if disk.check:
            return done
        run("mkfs.xfs", "-q", "-L", LABEL, disk.device, limit=300)
    unit_file = os.path.join(UNITS, disk.unit)
    text = _UNIT.format(what=_lasting_name(disk.device), where=disk.path).encode()
    if _content(unit_file) != text:
        done.append(f"write {unit_file}")
        _write_unit(disk, unit_file, text)
    if not os.path.ismount(disk.path):
        done.append(f"mount {disk.path}")
        _start(disk)
    return done


def grow(disk: DataDisk) -> list[str]:
    """The file system fills its device while it is in use; returns what was done."""
    if not os.path.ismount(disk.path):
        raise DiskRefused(f"data disk {disk.path}: it is not mounted, so it cannot grow")
    size, blocks = _geometry(disk.path)
    more = int(run("blockdev", "--getsize64", disk.device)) // size - blocks
    if more < SMALLEST_GROUP:
        return []
    if not disk.check:
        run("xfs_growfs", "-d", disk.path)
    return [f"grow {disk.path} by {more * size} bytes"]


def _geometry(path: str) -> tuple[int, int]:
    """The size of a block in bytes and the number of data blocks of a mounted XFS."""
    told = run("xfs_info", path)
    found = re.search(r"^data\s*=\s*bsize=(\d+)\s+blocks=(\d+)", told, re.MULTILINE)
    if found is None:
        raise DiskRefused(f"data disk {path}: xfs_info does not tell its size")
    return int(found[1]), int(found[2])


def blank(disk: DataDisk) -> list[str]:
    """The disk is not mounted and holds nothing; one that is not ours is left alone."""
    done = []
    unit_file = os.path.join(UNITS, disk.unit)
    if os.path.exists(unit_file):
        done.append(f"unmount {disk.path}")
        run("systemctl", "disable", "--now", disk.unit)
        remove(unit_file)
        run("systemctl", "daemon-reload")
    if os.path.isdir(disk.path) and not os.listdir(disk.path):
        os.rmdir(disk.path)
    if _is_block(disk.device) and _probe(disk.device).get("LABEL") == LABEL:
        done.append(f"blank {disk.device}")
        run("wipefs", "--quiet", "--all", disk.device)
    return done


def _found_on(device: str) -> str | None:
    """The label of our file system, None on a blank disk; anything else is refused."""
    if not _is_block(device):
        raise DiskRefused(f"data device {device}: there is no such block device on the host")
    found = _probe(device)
    if not found:
        return None
    if (found.get("TYPE"), found.get("LABEL")) != ("xfs", LABEL):
        kind = found.get("TYPE") or found.get("PTTYPE") or "something"
        raise DiskRefused(
            f"data device {device}: it holds {kind} that is not ours; only a blank disk is accepted"
        )
    return LABEL


def _is_block(device: str) -> bool:
    return os.path.exists(device) and stat.S_ISBLK(os.stat(device).st_mode)


def _probe(device: str) -> dict[str, str]:
    """What lies on the device, read from the device itself; empty when it is blank."""
    argv = ["blkid", "--probe", "--output", "export", device]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in (0, 2):
        raise DiskRefused(f"data device {device}: blkid cannot tell what it holds: {done.stderr}")
    pairs = [line.partition("=") for line in done.stdout.splitlines()]
    return {key: value for key, _, value in pairs if key != "DEVNAME"}


def _lasting_name(device: str) -> str:
    """The name by UUID where udev makes them: `/dev/vdb` may be another disk after a boot."""
    names = "/dev/disk/by-uuid"
    return os.path.join(names, _probe(device)["UUID"]) if os.path.isdir(names) else device


def _write_unit(disk: DataDisk, unit_file: str, text: bytes) -> None:
    if disk.check:
        return
    write_atomically(unit_file, text, Attributes(mode=0o644))
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", disk.unit)


def _start(disk: DataDisk) -> None:
    if not disk.check:
        run("systemctl", "start", disk.unit)


def _content(path: str) -> bytes | None:
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return file.read()
