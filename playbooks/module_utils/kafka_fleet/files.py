"""Delivers files and directories, and takes away what is not wished any more."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

from . import applied
from .writing import (
    Attributes,
    has_attributes,
    partial_path,
    remove,
    set_attributes,
    write_atomically,
)

IMPLIED = Attributes(mode=0o755)
"""What a directory gets that was only implied by a file."""


class CannotDeliver(Exception):
    """Something else stands where a file or directory should be."""


@dataclass(frozen=True)
class WishedFile:
    """A file as it should be."""

    path: str
    content: bytes = field(repr=False)
    attributes: Attributes

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class WishedDirectory:
    """A directory as it should be."""

    path: str
    attributes: Attributes


@dataclass(frozen=True)
class Change:
    """A path that was (or in check mode would be) written or removed."""

    path: str
    before: bytes | None = field(repr=False, default=None)
    after: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True)
class Delivery:
    """One part of what a host should hold. A part takes away its own files only.

    With `keep` only some files of the part are named, and all others stay as they are.
    """

    state: str
    part: str
    directories: tuple[WishedDirectory, ...]
    files: tuple[WishedFile, ...]
    check: bool = False
    keep: bool = False


def deliver(delivery: Delivery) -> list[Change]:
    """The host holds the part, and none of its earlier files that are not wished any more.

    Those that are not named are kept when the delivery says so.
    """
    before = applied.read(delivery.state)
    wished = {file.path: file.digest for file in delivery.files}
    earlier = before.files.get(delivery.part, {})
    kept = earlier if delivery.keep else {}
    surplus = sorted(set(earlier) - set(wished) - set(kept))
    _note(delivery, before, {**earlier, **wished})
    changes = [
        *_deliver_directories(delivery),
        *(change for file in delivery.files for change in _deliver_file(file, delivery.check)),
        *(_take_away(path, delivery.check) for path in surplus),
    ]
    _note(delivery, applied.read(delivery.state), {**kept, **wished})
    return [change for change in changes if change is not None]


def clean(state: str, others: list[str]) -> list[str]:
    """Nothing that was delivered is left, nor the other directories named; the marker goes last."""
    before = applied.read(state)
    return [
        *(path for path in before.paths() if _remove_file(path)),
        *(path for path in _deepest_first({*before.directories, *others}) if _remove_tree(path)),
        *(path for path in _deepest_first(before.parents) if _remove_empty(path)),
        *([state] if _remove_state(state) else []),
    ]


def _note(delivery: Delivery, before: applied.Applied, part: dict[str, str]) -> None:
    """Says what the part holds and which directories we make for it."""
    if delivery.check:
        return
    asked = {directory.path for directory in delivery.directories}
    missing = _missing_directories(delivery)
    now = applied.Applied(
        {**before.files, delivery.part: part},
        sorted({*before.directories, *(missing & asked)}),
        sorted({*before.parents, *(missing - asked)}),
    )
    if now != before:
        applied.write(delivery.state, now)


def _missing_directories(delivery: Delivery) -> set[str]:
    """The directories to be made, each with all its missing parents."""
    paths = [directory.path for directory in delivery.directories]
    paths += [os.path.dirname(file.path) for file in delivery.files]
    missing: set[str] = set()
    while paths:
        path = paths.pop()
        if not os.path.lexists(path):
            missing.add(path)
            paths.append(os.path.dirname(path))
    return missing


def _deliver_directories(delivery: Delivery) -> list[Change | None]:
    wished = dict.fromkeys(_missing_directories(delivery), IMPLIED)
    wished.update({item.path: item.attributes for item in delivery.directories})
    return [_deliver_directory(path, wished[path], delivery.check) for path in sorted(wished)]


def _deliver_directory(path: str, attributes: Attributes, check: bool) -> Change | None:
    if os.path.lexists(path):
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode):
            raise CannotDeliver(f"{path} should be a directory, but something else stands there")
        if has_attributes(found, attributes):
            return None
    elif not check:
        os.mkdir(path, 0o700)
    if not check:
        set_attributes(path, attributes)
    return Change(path)


def _deliver_file(file: WishedFile, check: bool) -> list[Change]:
    found = os.lstat(file.path) if os.path.lexists(file.path) else None
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise CannotDeliver(f"{file.path} should be a file, but a directory stands there")
    regular = found is not None and stat.S_ISREG(found.st_mode)
    before = _content(file.path) if regular else None
    if before != file.content:
        if not check:
            write_atomically(file.path, file.content, file.attributes)
        return [Change(file.path, before, file.content)]
    if found is not None and has_attributes(found, file.attributes):
        return []
    if not check:
        set_attributes(file.path, file.attributes)
    return [Change(file.path, before, before)]


def _take_away(path: str, check: bool) -> Change | None:
    if not os.path.lexists(path):
        return None
    before = _content(path) if os.path.isfile(path) else None
    if not check:
        _remove_file(path)
    return Change(path, before, None)


def _remove_file(path: str) -> bool:
    remove(partial_path(path))
    return remove(path)


def _remove_tree(path: str) -> bool:
    if not os.path.lexists(path):
        return False
    shutil.rmtree(path)
    return True


def _remove_empty(path: str) -> bool:
    if not os.path.isdir(path) or os.listdir(path):
        return False
    os.rmdir(path)
    return True


def _deepest_first(paths: Iterable[str]) -> list[str]:
    return sorted(paths, key=len, reverse=True)


def _remove_state(state: str) -> bool:
    """The marker goes last of all: as long as it is there, a cleaning can be run again."""
    if not os.path.isdir(state):
        return False
    for entry in sorted(os.listdir(state), key=lambda name: (name == "owner", name)):
        path = os.path.join(state, entry)
        _remove_tree(path) if os.path.isdir(path) else remove(path)
    os.rmdir(state)
    return True


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
