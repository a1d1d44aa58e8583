"""finish-due-overlaps: overlaps of authorities whose date has come end, on all instances."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import Request
from flows.domain.wish import Wish


class FinishDueOverlaps(Request):
    """Drop old authorities on the day that clients were promised."""


@dataclass(frozen=True)
class OverlapEnds(Plan):
    """The instances whose overlap ends, one after the other."""

    due: tuple[str, ...] = field(default=(), kw_only=True)


def plan_overlap_ends(wishes: Iterable[Wish], busy: Iterable[Wish], now: datetime) -> OverlapEnds:
    """A step for each instance at rest whose date has come; those that are `busy` are named."""
    due = [wish for wish in wishes if overlap_is_due(wish, now)]
    late = [wish for wish in busy if overlap_is_due(wish, now)]
    steps = (
        PlannedStep(
            f"instance {wish.name}",
            f"finish-certificate-overlap: its clients had until {_until(wish)}",
            f"authority {wish.client_facing.authority} alone",
        )
        for wish in due
    )
    return OverlapEnds(
        "Finish overlaps of authorities that are due",
        tuple(steps),
        tuple(f"{wish.name}: due since {_until(wish)}, but not at rest" for wish in late),
        due=tuple(wish.name for wish in due),
    )


def overlap_is_due(wish: Wish, now: datetime) -> bool:
    """Whether the old authority is to be dropped by now."""
    until = wish.client_facing.overlap_until
    return until is not None and now >= until


def _until(wish: Wish) -> str:
    return f"{wish.client_facing.overlap_until:%Y-%m-%d %H:%M} UTC"
