"""A directory in memory for one play, gone afterwards whatever happens to this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.domain.errors import EffectFailed

_PREFIX = "kafka-fleet-ansible"
_CANDIDATES = ("/dev/shm", "/run")

# The guard outlives its starter in a session of its own. Its standard input ends when we close
# it or die, by kill -9 too; then it ends SSH's connection sharing and removes the directory.
_GUARD = """
cat >/dev/null
for socket in "$1"/ssh/*; do
    [ -S "$socket" ] && ssh -F none -o ControlPath="$socket" -O exit host 2>/dev/null
done
# Whoever was told of the directory may still end, and would make it anew in order to write there.
busy() {
    printf '%s' "$1" | grep -alsF -f - /proc/[0-9]*/cmdline | xargs -r grep -LsF kafka-fleet-guard
}
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    [ -z "$(busy "$1")" ] && break
    sleep 0.2
done
for attempt in 1 2 3 4 5; do  # a task that still ends may write while we remove
    rm -rf -- "$1" 2>/dev/null && break
    sleep 0.2
done
"""


@contextmanager
def private_directory() -> Iterator[Path]:
    """A directory (0700, never on a disk) that is removed at the end; `ssh` in it for sockets."""
    memory = _memory()
    _sweep(memory)
    directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-{os.getpid()}-", dir=memory))
    guard = _guard(directory)
    try:
        (directory / "ssh").mkdir(mode=0o700)
        yield directory
    finally:
        guard.communicate(timeout=30)


def write_private(path: Path, text: str) -> None:
    """A new file that only its owner can read, from its first moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _memory() -> Path:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    in_memory = {mount[1] for mount in mounts if mount[2] == "tmpfs"}
    for candidate in _CANDIDATES:
        if candidate in in_memory and os.access(candidate, os.W_OK):
            return Path(candidate)
    raise EffectFailed(
        f"secrets need a directory in memory: neither of {', '.join(_CANDIDATES)} is a tmpfs "
        "that this user can write to"
    )


def _guard(directory: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "kafka-fleet-guard", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath},
        start_new_session=True,
    )


def _sweep(memory: Path) -> None:
    """Removes what is left when a process and its guard were killed together."""
    for left in memory.glob(f"{_PREFIX}-*-*"):
        pid = left.name.removeprefix(f"{_PREFIX}-").partition("-")[0]
        dead = pid.isdigit() and not Path("/proc", pid).exists()
        if dead and left.stat().st_uid == os.getuid():
            shutil.rmtree(left, ignore_errors=True)
