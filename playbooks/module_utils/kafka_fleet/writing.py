"""Files that are either the old one or the new one, never half of it."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass


@dataclass(frozen=True)
class Attributes:
    """Who owns a file or directory and what they may do with it."""

    mode: int
    owner: str = "root"
    group: str = "root"


def write_atomically(path: str, content: bytes, attributes: Attributes) -> None:
    """The file holds the content with these attributes, and survives a power loss."""
    partial = partial_path(path)
    remove(partial)
    # Created with no rights for others: a secret is never readable, not even for a moment.
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        _set_attributes(file.fileno(), attributes)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def partial_path(path: str) -> str:
    """Where a file is written before it takes its place; always the same, so nothing piles up."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.kafka-fleet")


def set_attributes(path: str, attributes: Attributes) -> None:
    """The file or directory has these attributes; a symbolic link is refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        _set_attributes(descriptor, attributes)
    finally:
        os.close(descriptor)


def has_attributes(found: os.stat_result, attributes: Attributes) -> bool:
    """Whether mode, owner and group are the wished ones; False when owner or group are unknown."""
    try:
        wished = (attributes.mode, *_ids(attributes))
    except KeyError:
        return False
    return (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == wished


def remove(path: str) -> bool:
    """The file is gone; True when it was there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _set_attributes(descriptor: int, attributes: Attributes) -> None:
    os.fchown(descriptor, *_ids(attributes))
    os.fchmod(descriptor, attributes.mode)


def _ids(attributes: Attributes) -> tuple[int, int]:
    return pwd.getpwnam(attributes.owner).pw_uid, grp.getgrnam(attributes.group).gr_gid
