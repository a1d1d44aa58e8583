"""Whose host this is, and which operation may change it.

A host carries the id of its instance (the marker) and the number of the newest operation that
changed it (the epoch). The epoch only rises, so what a superseded operation still tries is refused.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

MARKER = "owner"
EPOCH = "epoch"


class ClaimRefused(Exception):
    """The host belongs to another instance, or a newer operation has changed it."""


def owner_of(state: str) -> str | None:
    """The instance whose marker lies in the state directory; None when there is none."""
    return _read(os.path.join(state, MARKER)) or None


def epoch_of(state: str) -> int:
    """The newest operation that changed the host; 0 when there was none."""
    return int(_read(os.path.join(state, EPOCH)) or 0)


def claim(state: str, owner: str, epoch: int, *, write: bool = True) -> bool:
    """Whether the host carried our marker before; ClaimRefused when we may not change it.

    With `write` it carries our marker afterwards, and no lower epoch than ours.
    """
    if not write:
        return _check(state, owner, epoch)
    os.makedirs(state, mode=0o755, exist_ok=True)
    with locked(state):
        ours = _check(state, owner, epoch)
        # The epoch first: a marker without an epoch would let an older operation in.
        _write(os.path.join(state, EPOCH), str(epoch))
        _write(os.path.join(state, MARKER), owner)
    return ours


@contextmanager
def locked(directory: str) -> Iterator[None]:
    """Nobody else claims the host of this state directory meanwhile; who tries waits."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check(state: str, owner: str, epoch: int) -> bool:
    present, newest = owner_of(state), epoch_of(state)
    if present not in (None, owner):
        raise ClaimRefused(
            f"the host carries the marker of instance {present}; "
            f"operation {epoch} of instance {owner} may not change it"
        )
    if newest > epoch:
        raise ClaimRefused(
            f"the host was changed by operation {newest}; "
            f"operation {epoch} is older and may not change it any more"
        )
    return present == owner


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def _write(path: str, text: str) -> None:
    if _read(path) == text:
        return
    partial = f"{path}.new"
    with open(partial, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
