"""The directory of finished tarballs: one builder at a time, and no remains of a killed one."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TypeAlias

from .errors import DistributionError

DEFAULT = Path("/var/cache/kafka-fleet/distributions")

Say: TypeAlias = Callable[[str], None]
"""Takes one line of progress."""

_WORK = "build-"
_LIMIT = 1200.0
"""Seconds that a builder waits for another one."""

_PAUSE = 0.1


@contextmanager
def workspace(cache: Path, say: Say, limit: float = _LIMIT) -> Iterator[Path]:
    """Yield an empty directory in ``cache`` that is removed at the end.

    Until then nobody else, be it a thread or a process, is inside a workspace of this cache.
    Raises DistributionError when the cache cannot be written, or is taken for ``limit`` seconds.
    """
    with _open_lock(cache) as lock:
        _take(lock, cache, say, limit)
        _remove_remains(cache)
        with TemporaryDirectory(dir=cache, prefix=_WORK) as work:
            yield Path(work)


def _open_lock(cache: Path) -> IO[bytes]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return (cache / "lock").open("wb")
    except OSError as error:
        raise DistributionError(
            f"the cache {cache} cannot be written ({error.strerror}): work as root, or name"
            " a directory of your own (--cache DIR)"
        ) from error


def _take(lock: IO[bytes], cache: Path, say: Say, limit: float) -> None:
    """Lock the file; the kernel gives the lock back however its owner ends."""
    if _try(lock):
        return
    say(f"another builder works in {cache}: waiting for it")
    end = time.monotonic() + limit
    while not _try(lock):
        if time.monotonic() > end:
            raise DistributionError(
                f"another builder has held {cache} for more than {limit:g} s: end it, or wait"
            )
        time.sleep(_PAUSE)


def _try(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_remains(cache: Path) -> None:
    """Remove what a killed builder left; whoever holds the lock knows that nobody uses it."""
    for remains in cache.glob(f"{_WORK}*"):
        shutil.rmtree(remains)
