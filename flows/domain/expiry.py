"""When certificates end, and how urgent that is (SPEC 2.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WARNING_DAYS, CRITICAL_DAYS = 30, 7


class Urgency(StrEnum):
    """How soon somebody has to act; the words are those of alarms."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


class Renewal(StrEnum):
    """Who or what makes a certificate's successor."""

    LEAF = "leaf"
    AUTHORITY = "authority"
    INTERNAL = "internal"
    OWNER = "owner"
    """A user's own, or a client's: the product cannot."""
    NOBODY = "nobody"
    """An old authority, which is about to be dropped."""


@dataclass(frozen=True)
class SeenCertificate:
    """A certificate as it was found: of listeners what they serve, of others what is kept.

    `expires` is the first end of all that is sent together; None when nobody answered, and then
    `silence` says why.
    """

    name: str
    """What it is for: `broker 1 PRIVATE`, `clients authority 2`, `certificate 3 of alice`."""
    renewal: Renewal
    serial: str = ""
    subject: str = ""
    issuer: str = ""
    expires: datetime | None = None
    silence: str = ""

    def urgency(self, now: datetime) -> Urgency:
        """Critical from 7 days before its end on, warning from 30."""
        return Urgency.OK if self.expires is None else urgency(self.expires, now)


def urgency(expires: datetime, now: datetime) -> Urgency:
    """Critical from 7 days before the end on, warning from 30."""
    left = expires - now
    if left <= timedelta(days=CRITICAL_DAYS):
        return Urgency.CRITICAL
    return Urgency.WARNING if left <= timedelta(days=WARNING_DAYS) else Urgency.OK


def ends_within(seen: Iterable[SeenCertificate], days: float, now: datetime) -> list[str]:
    """What ends within so many days, the first end first, each in a sentence."""
    latest = now + timedelta(days=days)
    due = [each for each in seen if each.expires is not None and each.expires <= latest]
    return [sentence(each, now) for each in sorted(due, key=_end)]


def sentence(seen: SeenCertificate, now: datetime) -> str:
    """`broker 1 PRIVATE expires in 6 days (2026-03-01, critical)`."""
    if seen.expires is None:
        return f"{seen.name}: {seen.silence}"
    days = (seen.expires - now).days
    when = f"expires in {days} days" if seen.expires > now else "has expired"
    own = "; only its owner can renew it" if seen.renewal is Renewal.OWNER else ""
    return f"{seen.name} {when} ({seen.expires:%Y-%m-%d}, {seen.urgency(now)}{own})"


def worst(seen: Iterable[SeenCertificate], now: datetime) -> Urgency:
    """The highest urgency of all."""
    order = list(Urgency)
    return max((each.urgency(now) for each in seen), key=order.index, default=Urgency.OK)


def _end(seen: SeenCertificate) -> tuple[datetime, str]:
    assert seen.expires is not None
    return seen.expires, seen.name
