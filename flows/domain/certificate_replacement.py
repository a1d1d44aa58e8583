"""replace-certificates and finish-certificate-overlap: requests and plans.

A replacement is a wish with higher numbers (`flows.domain.certificates`). Each request is one; a
request that was cut off is finished by the next one, with the numbers that it had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from flows.domain.certificate_ways import Way
from flows.domain.certificates import Certificates
from flows.domain.choices import choice
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Broker, Instance
from flows.domain.kept_names import kept_sentence
from flows.domain.listeners import Listener
from flows.domain.plan import PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.rolling import RollPlan
from flows.domain.uploaded import UploadedCertificates
from flows.domain.uploads import UploadRequest
from flows.domain.users import check_every_broker, settled
from flows.domain.wish import Wish

OVERLAP_DAYS = 7.0
MOST_OVERLAP_DAYS = 365.0
BLIND = (
    "that clients go on without an error proves nothing: open connections live on, and whoever "
    "does not trust the new authority is refused at the next connection (restart, idle close, a "
    "leader elsewhere)"
)


class Scope(StrEnum):
    """What is made anew."""

    LEAF = "leaf"
    AUTHORITY = "authority"


class ReplaceCertificates(UploadRequest):
    """Give every broker new client-facing certificates, while clients go on."""

    scope: Annotated[Scope, choice(Scope, "scope")] = Field(
        default=Scope.LEAF,
        title="Scope",
        description="leaf: new keys and certificates of the same authority; authority: a new "
        "authority too, which clients have to trust by the end of the overlap.",
    )
    overlap: float = Field(
        default=OVERLAP_DAYS,
        title="Overlap (days)",
        description="How long clients that trust only the old authority still connect, 0 to 365; "
        "0: not at all after this run. Only for a new authority.",
    )

    @field_validator("overlap")
    @classmethod
    def _reasonable(cls, days: float) -> float:
        if not 0 <= days <= MOST_OVERLAP_DAYS:
            raise refusal("overlap", days, f"accepted are 0 to {MOST_OVERLAP_DAYS:.0f} days")
        return days


class FinishCertificateOverlap(InstanceRequest):
    """End the time in which clients may trust the old authority or the new one."""

    before_its_date: bool = Field(
        default=False,
        title="Before its date",
        description="End it now, even if clients were promised more time.",
    )


@dataclass(frozen=True)
class CertificatePlan(RollPlan):
    """What brokers are to serve; `wish` says it in numbers.

    `drops_after` means that the overlap ends in the same run; `rolls` that the `due` brokers have
    to start anew for it.
    """

    due: tuple[int, ...] = field(default=(), kw_only=True)
    rolls: bool = field(default=False, kw_only=True)
    upload: UploadedCertificates | None = field(default=None, kw_only=True)
    drops_after: bool = field(default=False, kw_only=True)
    overlap_days: float = field(default=0.0, kw_only=True)

    @property
    def as_wished(self) -> Instance:
        """The instance with the certificates that the plan wishes."""
        return replace(self.instance, wish=self.wish)

    @property
    def without_old_authority(self) -> Instance:
        """The instance once the overlap is over."""
        numbers = self.wish.client_facing.settled()
        return replace(self.instance, wish=self.wish.model_copy(update={"client_facing": numbers}))

    @property
    def dropping(self) -> bool:
        """Whether a run that was cut off had begun to drop the old authority."""
        return self.drops_after and self.instance.wish == self.without_old_authority.wish

    @property
    def begins(self) -> bool:
        """Whether no run has wished it yet."""
        return self.instance.wish.client_facing == settled(self.instance).client_facing

    @property
    def as_settled(self) -> Instance:
        """The instance as the last operation that succeeded left it."""
        return replace(self.instance, wish=settled(self.instance))


def plan_replacement(instance: Instance, request: ReplaceCertificates) -> CertificatePlan:
    """New certificates on every client listener; the end of the overlap is not in the wish yet."""
    check_serves_certificates(instance)
    check_every_broker(instance)
    before = settled(instance)
    numbers = _replaced(before.client_facing, request)
    wish = before.model_copy(update={"client_facing": numbers})
    drops = request.scope is Scope.AUTHORITY and request.overlap == 0
    steps = list(_serving_steps(instance, numbers))
    if drops:
        steps += dropping_steps(instance, numbers)
    return CertificatePlan(
        f"Replace the certificates of {instance.name}",
        tuple(steps),
        (
            *_warnings(request),
            *(_shown_certificates(before) if drops else ()),
            *((kept,) if (kept := kept_sentence(instance)) else ()),
        ),
        instance=instance,
        wish=wish,
        drops_after=drops,
        overlap_days=request.overlap,
    )


def plan_finish(instance: Instance, request: FinishCertificateOverlap) -> CertificatePlan:
    """Brokers serve what only the new authority's clients verify; nothing without an overlap.

    Whether its date has come is known to whoever has a clock.
    """
    check_serves_certificates(instance)
    before = settled(instance)
    numbers = before.client_facing
    wish = before.model_copy(update={"client_facing": numbers.settled()})
    title = f"Finish the overlap of authorities of {instance.name}"
    if not numbers.overlaps:
        return CertificatePlan(title, instance=instance, wish=before)
    check_every_broker(instance)
    steps = tuple(dropping_steps(instance, numbers))
    told = (BLIND, *_shown_certificates(before))
    return CertificatePlan(title, steps, told, instance=instance, wish=wish)


def check_is_due(wish: Wish, request: FinishCertificateOverlap, now: datetime) -> None:
    """Refuses to end an overlap before its date, unless that is what was asked for."""
    until = wish.client_facing.overlap_until
    if until is not None and now < until and not (request.before_its_date or request.plan_only):
        raise Refused(
            f'instance "{wish.name}": clients may trust the old authority until '
            f"{until:%Y-%m-%d %H:%M} UTC; give before_its_date to end it now"
        )


def dated(plan: CertificatePlan, now: datetime) -> Wish:
    """The wish with the date at which its overlap ends; one that was cut off keeps its date."""
    numbers, present = plan.wish.client_facing, plan.instance.wish.client_facing
    if not numbers.overlaps or numbers.overlap_until is not None:
        return plan.wish
    until = now.replace(microsecond=0) + timedelta(days=plan.overlap_days)
    if present.model_copy(update={"overlap_until": None}) == numbers:
        until = present.overlap_until or until
    change = numbers.model_copy(update={"overlap_until": until})
    return plan.wish.model_copy(update={"client_facing": change})


def client_listeners(instance: Instance) -> Iterator[tuple[Broker, Listener]]:
    """Every listener that serves certificates to clients."""
    for broker in instance.brokers:
        for listener in instance.listeners(broker):
            if listener.for_clients and listener.secured:
                yield broker, listener


def check_serves_certificates(instance: Instance) -> None:
    """Refuses an instance whose clients see no certificate."""
    if not instance.wish.sasl_ssl:
        raise refusal(
            "instance",
            instance.name,
            "its clients see no certificates, because SASL_SSL is off; that is fixed",
        )


def _replaced(present: Certificates, request: ReplaceCertificates) -> Certificates:
    if request.scope is Scope.LEAF:
        return present.next_leaf()
    if present.overlaps:
        raise refusal(
            "scope",
            Scope.AUTHORITY,
            f"clients may still trust authority {present.trusted[0]} as well as "
            f"{present.authority}; finish-certificate-overlap comes first",
        )
    return present.succeeded()


def _serving_steps(instance: Instance, numbers: Certificates) -> Iterator[PlannedStep]:
    for broker, listener in client_listeners(instance):
        yield PlannedStep(
            f"broker {broker.id} {listener.name}",
            f"serve {_words(numbers)} ({Way.NEW_FILE})",
            f"leaf {numbers.leaf} authority {numbers.authority} crossed {numbers.crossed}",
        )


def _words(numbers: Certificates) -> str:
    words = f"certificate {numbers.leaf} of authority {numbers.authority}"
    return f"{words}, which authority {numbers.crossed} signs too" if numbers.crossed else words


def dropping_steps(instance: Instance, numbers: Certificates) -> Iterator[PlannedStep]:
    for broker, listener in client_listeners(instance):
        yield PlannedStep(
            f"broker {broker.id} {listener.name}",
            f"serve certificate {numbers.leaf} alone: clients that trust only authority "
            f"{numbers.crossed} are refused at their next connection ({Way.NEW_FILE})",
            f"leaf {numbers.leaf} authority {numbers.authority} alone",
        )


def _shown_certificates(wish: Wish) -> tuple[str, ...]:
    """What a drop means for clients that show certificates themselves."""
    if not wish.mutual_tls:
        return ()
    return (
        "clients that show a certificate of the old authority are refused too: issue new ones to "
        "them first (issue-client-certificate another=true)",
    )


def _warnings(request: ReplaceCertificates) -> tuple[str, ...]:
    if request.scope is Scope.LEAF:
        return ()
    if request.overlap == 0:
        return ("the old authority is dropped in the same run", BLIND)
    return (
        f"for {request.overlap:g} days clients connect with the old authority as well as with the "
        "new one; give them the new bundle, in which both are, before that",
        BLIND,
    )
