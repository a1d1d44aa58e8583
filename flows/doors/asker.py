"""Who asked for a run, and through which door: said by the labels that a door puts on it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.domain.operations import Door
from flows.doors.controlplane.home import UI_USER

DOOR_LABEL = "door"
ASKER_LABEL = "asked_by"


@dataclass(frozen=True)
class Asker:
    """A person or a clock, and the door they came through."""

    name: str
    door: Door


def labels(asker: Asker) -> dict[str, str]:
    """What a door writes on the runs that it starts."""
    return {DOOR_LABEL: asker.door.value, ASKER_LABEL: asker.name}


def asker_of(labels: Mapping[str, Any], *, automatic: bool) -> Asker:
    """Who asked for a run with these labels; one without them came by schedule or by the UI."""
    door = str(labels.get(DOOR_LABEL, ""))
    if door in {known.value for known in Door}:
        return Asker(str(labels.get(ASKER_LABEL) or "unknown"), Door(door))
    if automatic:
        return Asker("schedule", Door.SCHEDULE)
    return Asker(UI_USER, Door.UI)


def at_the_terminal(environment: Mapping[str, str] = os.environ) -> Asker:
    """The person who typed the command, also behind sudo."""
    name = environment.get("SUDO_USER") or environment.get("USER") or _account()
    return Asker(name, Door.CLI)


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
