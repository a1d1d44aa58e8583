"""renew-certificates: what ends soon is made anew, over all instances, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import Field, field_validator

from flows.domain.creation import AddressList
from flows.domain.errors import refusal
from flows.domain.expiry import Renewal, SeenCertificate, ends_within, sentence
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import Request

WITHIN_DAYS, MOST_DAYS = 30.0, 3_650.0


class RenewCertificates(Request):
    """Renew the certificates that end soon, of all instances or some."""

    within_days: float = Field(
        default=WITHIN_DAYS,
        title="Within (days)",
        description="Whatever ends within so many days is renewed: 0 to 3,650.",
    )
    instances: AddressList = Field(
        default=(),
        title="Instances",
        description="Names or ids, separated by commas. Empty: all that are at rest.",
    )
    automatic_only: bool = Field(
        default=False,
        title="Automatic ones only",
        description="Only instances whose automatic renewal is on (see modify-instance); so the "
        "daily schedule asks.",
    )

    @field_validator("within_days")
    @classmethod
    def _reasonable(cls, days: float) -> float:
        if not 0 <= days <= MOST_DAYS:
            raise refusal("within_days", days, f"accepted are 0 to {MOST_DAYS:,.0f} days")
        return days


@dataclass(frozen=True)
class DueRenewal:
    """One operation on one instance, and what it renews, each in a sentence."""

    instance: str
    operation: str
    request: Mapping[str, Any]
    renews: tuple[str, ...]


@dataclass(frozen=True)
class RenewalPlan(Plan):
    """All that is to be renewed, in this order."""

    due: tuple[DueRenewal, ...] = field(default=(), kw_only=True)


def due_renewals(
    instance: str, seen: Iterable[SeenCertificate], days: float, now: datetime
) -> tuple[DueRenewal, ...]:
    """The operations that renew what ends within so many days; a new authority has new leaves."""
    found: dict[Renewal, list[SeenCertificate]] = {}
    for each in seen:
        if ends_within([each], days, now):
            found.setdefault(each.renewal, []).append(each)
    leaf = found.pop(Renewal.LEAF, [])
    authority = found.pop(Renewal.AUTHORITY, [])
    internal = found.pop(Renewal.INTERNAL, [])
    scope = "authority" if authority else "leaf"
    asked: tuple[tuple[str, dict[str, Any], tuple[SeenCertificate, ...]], ...] = (
        ("replace-certificates", {"scope": scope}, (*authority, *leaf)),
        ("rotate-internal-authority", {}, tuple(internal)),
    )
    return tuple(
        DueRenewal(
            instance,
            operation,
            {"instance": instance, **request},
            tuple(sentence(each, now) for each in renewed),
        )
        for operation, request, renewed in asked
        if renewed
    )


def left_to_owners(seen: Iterable[SeenCertificate], days: float, now: datetime) -> tuple[str, ...]:
    """What ends within so many days and cannot be renewed here, each in a sentence."""
    theirs = [each for each in seen if each.renewal is Renewal.OWNER]
    return tuple(ends_within(theirs, days, now))


def plan_renewal(due: Iterable[DueRenewal], warnings: Iterable[str]) -> RenewalPlan:
    """One step for each operation; the hash is over what is renewed, not over dates."""
    chosen = tuple(due)
    steps = (
        PlannedStep(
            f"instance {each.instance}",
            f"{each.operation}: {'; '.join(each.renews)}",
            f"{each.operation} {sorted(each.request.items())}",
        )
        for each in chosen
    )
    return RenewalPlan("Renew certificates", tuple(steps), tuple(warnings), due=chosen)
