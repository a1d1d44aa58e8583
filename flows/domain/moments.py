"""Moments as people type them: a span before now, or a time in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flows.domain.errors import refusal

ACCEPTED = (
    "accepted are a span before now (30m, 2h, 7d) and a time in UTC (2026-01-31, 2026-01-31 12:00)"
)
_SPAN = re.compile(r"(\d{1,6})([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Period:
    """From `since` (included) until `until` (not included); None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies in it."""
        after = self.since is None or self.since <= moment
        return after and (self.until is None or moment < self.until)


def read_moment(field: str, text: str, now: datetime) -> datetime | None:
    """What the text says; None for no text. A date alone is its first second; no zone is UTC."""
    span = _SPAN.match(text.strip())
    if span:
        return now - timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise refusal(field, text, ACCEPTED) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_period(since: str, until: str, now: datetime) -> Period:
    """The period between two texts; Refused when it ends before it begins."""
    period = Period(read_moment("since", since, now), read_moment("until", until, now))
    if period.since and period.until and period.until <= period.since:
        raise refusal("until", until, f"a moment after since ({since}) is accepted")
    return period
