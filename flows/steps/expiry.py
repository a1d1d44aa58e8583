"""Certificates as the daily check finds them; another urgency than before is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from flows.adapters.records.observed import Observed
from flows.adapters.site import Doors, InstanceRow
from flows.adapters.tls.seen import Sight, seen_certificates
from flows.domain.expiry import SeenCertificate, Urgency, ends_within, worst
from flows.domain.instance import Instance
from flows.domain.operations import Door, Rating, Trace

CHECKER = "check-certificates"
_RATINGS = {Urgency.OK: Rating.NORMAL, Urgency.WARNING: Rating.WARNING}


def look_at_certificates(doors: Doors, instance: Instance) -> tuple[SeenCertificate, ...]:
    """Every certificate of the instance, as it is served or kept now."""
    sight = Sight(doors.secrets, doors.tls, doors.hosts(instance.id))
    return seen_certificates(sight, instance)


def remember_certificates(
    doors: Doors, row: InstanceRow, seen: tuple[SeenCertificate, ...], within_days: float
) -> list[str]:
    """What was seen is kept for `show`; another urgency than before leaves a trace.

    Answers what ends within so many days.
    """
    now = doors.clock.now()
    present = doors.records.find(row.id)
    if present is None:
        return []
    before = Observed.read(present.observed)
    found = replace(before, seen=seen, seen_at=now)
    doors.records.set_observed(row.id, found.stored())
    due = ends_within(seen, within_days, now)
    _trace(doors, row, (_urgency(before), worst(seen, now)), due)
    return due


def _urgency(before: Observed) -> Urgency:
    at: datetime | None = before.seen_at
    return worst(before.seen, at) if at else Urgency.OK


def _trace(doors: Doors, row: InstanceRow, change: tuple[Urgency, Urgency], due: list[str]) -> None:
    before, after = change
    if before is after:
        return
    words = f"{before} -> {after}" + (f": {'; '.join(due)}" if due else "")
    rating = _RATINGS.get(after, Rating.INCIDENT)
    doors.records.trace(
        Trace("certificateExpiryChanged", CHECKER, Door.SCHEDULE, row.wish.name, {}, words, rating)
    )
