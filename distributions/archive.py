"""A tree of files as one uncompressed tar that depends on names and contents only."""

import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
"""The date of everything that we pack: the first one that a zip, and so a jar, can say."""


def pack(tree: Path, target: Path) -> None:
    """Write ``target`` with everything below ``tree``; the same tree gives the same bytes.

    Names are sorted, owners are root, modes 0755 and 0644, dates ``EPOCH``. The content is on the
    disk when this returns. It is not compressed because jars are.
    """
    with target.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for path in sorted(tree.rglob("*")):
                _add(tar, path, str(path.relative_to(tree)))
        file.flush()
        os.fsync(file.fileno())


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.mtime = int(EPOCH.timestamp())
    entry.uname = entry.gname = "root"
    if path.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(entry)
        return
    entry.mode, entry.size = 0o644, path.stat().st_size
    with path.open("rb") as content:
        tar.addfile(entry, content)
