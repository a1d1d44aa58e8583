"""What a provider of machines says before anything is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.domain.machines import Room


@dataclass(frozen=True)
class Surroundings:
    """The provider's zones, its free room, what one machine would take, and what it cannot do."""

    provider: str
    zones: tuple[str, ...]
    free: Room
    need_per_machine: Room
    objections: tuple[str, ...] = ()
    keeps_machines: bool = False
    restarts_to_resize: bool = False
    needs: Mapping[str, Room] = field(default_factory=dict)
    """What a machine of each flavor would take, by the flavor's name."""
