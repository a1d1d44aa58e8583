"""What a provider of machines says before anything is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

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
