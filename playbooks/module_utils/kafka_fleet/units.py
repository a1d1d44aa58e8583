"""Units of the host: enabled, started, stopped, and the firewall loaded anew when it changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from . import applied
from .broker import note_generation, processes
from .commands import CommandFailed, run
from .writing import Attributes, write_atomically

LOADED = "/run/kafka-fleet"
"""Digests of what was loaded since the boot; it is gone after a boot, as are the rules."""
_PROPERTIES = ("Id", "LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")


class UnitFailed(Exception):
    """systemd did not bring a unit where it should be."""


@dataclass(frozen=True)
class Wished:
    """What units should be. `loaded` is unit -> the file it loads, again whenever that changed.

    What `anew` names loads its file in any case: somebody changed by hand what it had loaded.
    `generation` is noted in the state directory when a unit is really started by this call.
    """

    state: str
    enabled: tuple[str, ...] = ()
    loaded: Mapping[str, str] = field(default_factory=dict)
    anew: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    generation: int | None = None
    limit: float = 200.0
    check: bool = False

    @property
    def all(self) -> list[str]:
        """Every unit that is spoken of."""
        return list(dict.fromkeys([*self.enabled, *self.loaded, *self.started, *self.stopped]))


def bring(wished: Wished) -> list[str]:
    """All units are as wished; returns what had to be done, in words."""
    found = _up_to_date(wished)
    return [
        *_enable(wished, found),
        *(line for unit in wished.loaded for line in _load(wished, found, unit)),
        *(line for unit in wished.started for line in _start(wished, found, unit)),
        *(line for unit in wished.stopped for line in _stop(wished, found, unit)),
    ]


def kill(state: str) -> list[str]:
    """No process of a delivered unit is left, no such unit starts again; data may be lost."""
    paths = [path for path in applied.read(state).paths() if path.endswith(".service")]
    units = [os.path.basename(path) for path in paths]
    found = _show(units)
    here = [unit for unit in units if found[unit]["LoadState"] == "loaded"]
    # All of them before one is stopped: to stop the firewall means to wait for those that need it.
    for unit in here:
        if processes(unit):
            run("systemctl", "kill", "--signal=KILL", unit)
    for unit in here:
        _stop_killed(unit)
    if here:
        run("systemctl", "disable", "--quiet", *here)
    _forget_loaded(units)
    return [f"kill {unit}" for unit in here]


def _forget_loaded(units: Iterable[str]) -> None:
    """A gateway may serve other instances, whose units stay loaded."""
    for unit in units:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(LOADED, unit))
    if os.path.isdir(LOADED) and not os.listdir(LOADED):
        os.rmdir(LOADED)


def _up_to_date(wished: Wished) -> dict[str, dict[str, str]]:
    """What systemd says of the units once it has read their files as they are now."""
    found = _show(wished.all)
    stale = any(seen["NeedDaemonReload"] == "yes" for seen in found.values())
    if not stale or wished.check:
        return found
    run("systemctl", "daemon-reload")
    return _show(wished.all)


def _show(units: Iterable[str]) -> dict[str, dict[str, str]]:
    units = list(units)
    if not units:
        return {}
    told = run("systemctl", "show", f"--property={','.join(_PROPERTIES)}", *units)
    blocks = [dict(_pairs(block)) for block in told.strip().split("\n\n")]
    return {block["Id"]: block for block in blocks}


def _pairs(block: str) -> list[tuple[str, str]]:
    split = [line.partition("=") for line in block.splitlines()]
    return [(key, value) for key, _, value in split]


def _enable(wished: Wished, found: Mapping[str, Mapping[str, str]]) -> list[str]:
    missing = [unit for unit in wished.enabled if found[unit]["UnitFileState"] != "enabled"]
    if missing and not wished.check:
        run("systemctl", "enable", "--quiet", *missing)
    return [f"enable {unit}" for unit in missing]


def _load(wished: Wished, found: Mapping[str, Mapping[str, str]], unit: str) -> list[str]:
    """A unit that loads a file is active and has loaded the file as it is now."""
    path, note = wished.loaded[unit], os.path.join(LOADED, unit)
    digest = _digest(path)
    active = found[unit]["ActiveState"] == "active"
    same = digest is not None and digest == _text(note)
    if active and same and unit not in wished.anew:
        return []
    if not wished.check:
        _systemctl(wished, "reload" if active else "start", unit)
        os.makedirs(LOADED, mode=0o755, exist_ok=True)
        write_atomically(note, str(digest).encode(), Attributes(mode=0o644))
    return [f"load {unit}"]


def _start(wished: Wished, found: Mapping[str, Mapping[str, str]], unit: str) -> list[str]:
    if found[unit]["ActiveState"] == "active":
        return []
    if not wished.check:
        _check_gone(unit)
        _note_generation(wished)
        _systemctl(wished, "start", unit)
    return [f"start {unit}"]


def _stop(wished: Wished, found: Mapping[str, Mapping[str, str]], unit: str) -> list[str]:
    """The unit is stopped and nothing of it runs; what does not stop in time is not killed."""
    active = found[unit]["ActiveState"] not in ("inactive", "failed")
    if wished.check:
        return [f"stop {unit}"] if active else []
    try:
        if active:
            _systemctl(wished, "stop", unit)
    finally:
        _check_gone(unit)
    return [f"stop {unit}"] if active else []


def _check_gone(unit: str) -> None:
    left = processes(unit)
    if left:
        raise UnitFailed(
            f"{unit} was asked to stop and did not: process {left[0]} still runs; "
            "it was not killed, since that would cost a log recovery"
        )


def _note_generation(wished: Wished) -> None:
    if wished.generation is not None:
        note_generation(wished.state, wished.generation)


def _systemctl(wished: Wished, verb: str, unit: str) -> None:
    try:
        run("systemctl", verb, unit, limit=wished.limit)
    except CommandFailed as error:
        raise UnitFailed(f"systemctl {verb} {unit} failed: {_last_words(unit) or error}") from None


def _last_words(unit: str) -> str:
    """What the unit's own processes said last, on one line."""
    told = run("journalctl", f"_SYSTEMD_UNIT={unit}", "--lines=3", "--output=cat", "--no-pager")
    return " / ".join(line.strip() for line in told.splitlines() if line.strip())


def _stop_killed(unit: str) -> None:
    # Stopping comes after killing: it also cancels the start that Restart= has planned.
    run("systemctl", "stop", unit)
    if processes(unit):
        raise UnitFailed(f"{unit} was killed, but process {processes(unit)[0]} still runs")
    if _show([unit])[unit]["ActiveState"] == "failed":
        run("systemctl", "reset-failed", unit)


def _digest(path: str) -> str | None:
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
