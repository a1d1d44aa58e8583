"""The broker's process on its host: asked to stop, started, seen; its clients' ports held.

Stands alone: modules of Ansible use it, and the product sends it to a host as it is where a second
counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable

STARTED = "started.json"
CLOSED = ".kafka_cleanshutdown"
"""Kafka's own mark in its data directory: every log is closed and on the disk."""
CGROUPS = "/sys/fs/cgroup"
LOOK_SECONDS = 0.05


def stop(unit: str) -> None:
    """The unit was asked to stop; nobody waits for it, and it is never killed."""
    _run("systemctl", "stop", "--no-block", unit)


def start(state: str, unit: str, generation: int) -> bool:
    """The unit runs; True when it had to be started, which is noted as this generation."""
    if _active_state(unit) in ("active", "activating", "reloading"):
        return False
    left = processes(unit)
    if left:
        raise RuntimeError(f"{unit}: process {left[0]} of the last start still runs")
    note_generation(state, generation)
    _run("systemctl", "start", unit)
    return True


def finish(unit: str, root: str, seconds: float) -> list[int]:
    """What still runs of a broker that stops and is registered nowhere any more.

    Once its logs are closed nothing is left of it but threads that wait for nothing, up to a second
    each and one after the other: it is ended then. Before that it never is. It is waited for so
    many seconds here: a look costs nothing, a Python that starts for it does.
    """
    left = _left_after(seconds, lambda: [] if _only_waits(unit, root) else _left(unit))
    if left or not processes(unit):
        return left
    _run("systemctl", "kill", "--signal=KILL", unit)
    left = _left_after(seconds, lambda: _left(unit))
    if _active_state(unit) == "failed":
        # It did not: it was through.
        _run("systemctl", "reset-failed", unit)
    return left


def _only_waits(unit: str, root: str) -> bool:
    """The mark is there from the end of one run until the next one has read all logs."""
    closed = os.path.exists(os.path.join(root, CLOSED))
    return closed and _active_state(unit) == "deactivating"


def _left_after(seconds: float, look: Callable[[], list[int]]) -> list[int]:
    limit = time.monotonic() + seconds
    while (left := look()) and time.monotonic() < limit:
        time.sleep(LOOK_SECONDS)
    return left


def _left(unit: str) -> list[int]:
    left = processes(unit)
    if left or _active_state(unit) in ("inactive", "failed"):
        return left
    return [0]


def processes(unit: str) -> list[int]:
    """The processes of a unit. systemd forgets one that outlives the stop, its cgroup does not."""
    found: set[int] = set()
    for tree in ("", "systemd", "unified"):
        path = os.path.join(CGROUPS, tree, "system.slice", unit, "cgroup.procs")
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                found.update(int(line) for line in file.read().split())
    return sorted(found)


def note_generation(state: str, generation: int) -> None:
    """The state directory says for which generation the broker was started last."""
    path = os.path.join(state, STARTED)
    partial = f"{path}.new"
    with open(partial, "w", encoding="ascii") as file:
        file.write(json.dumps({"generation": generation}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.chmod(partial, 0o644)
    os.replace(partial, path)


def hold(table: str, ports: list[int], seconds: int, way: str = "held") -> None:
    """Nobody gets in at these ports, or out to them, for so many seconds, counted from now."""
    told = ", ".join(f"{port} timeout {seconds}s" for port in ports)
    named = ", ".join(str(port) for port in ports)
    element = f"element inet {table} {way}"
    # Adding what is there leaves its time as it is: so it is taken out and put in again, at once.
    lines = [f"add {element} {{ {told} }}", f"delete {element} {{ {named} }}"]
    _run("/usr/sbin/nft", "-f", "-", given="\n".join([*lines, lines[0]]) + "\n")


def let_in(table: str, way: str = "held") -> None:
    """No port is held any more in this way."""
    _run("/usr/sbin/nft", "flush", "set", "inet", table, way)


def load(unit: str) -> None:
    """The unit has loaded its file anew, whatever was done to its rules since."""
    _run("systemctl", "reload-or-restart", unit)


def sizes(root: str, partitions: list[str]) -> list[int]:
    """Bytes on the disk of each partition; 0 for one that is not there."""
    return [_size(os.path.join(root, partition)) for partition in partitions]


def _size(directory: str) -> int:
    if not os.path.isdir(directory):
        return 0
    with os.scandir(directory) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.name.endswith(".log"))


def _active_state(unit: str) -> str:
    return _run("systemctl", "show", "--property=ActiveState", "--value", unit).strip()


def _run(*argv: str, given: str = "") -> str:
    done = subprocess.run(
        argv, input=given, capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} failed: {done.stderr.strip() or done.returncode}")
    return done.stdout
