"""`fleet check-access`: where the ways of clients are not as they are wished."""

from __future__ import annotations

from typing import TypedDict

from flows.adapters.site import Doors
from flows.adapters.ways import eyes_of, with_ways
from flows.domain.drift import drift_of
from flows.queries.lookup import living, reached


class DriftLine(TypedDict):
    """One difference; `mendable` when converge-access puts it right."""

    place: str
    what: str
    wished: str
    found: str
    mendable: bool


def drift(doors: Doors, name: str) -> tuple[DriftLine, ...]:
    """Every difference of a living instance, looked at now; empty when all is as wished."""
    row = living(doors.records, name)
    found = drift_of(with_ways(eyes_of(doors, row), reached(doors, row)))
    return tuple(
        DriftLine(
            place=each.place,
            what=each.what,
            wished=each.wished,
            found=each.found,
            mendable=each.mendable,
        )
        for each in found
    )
