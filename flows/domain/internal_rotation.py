"""rotate-internal-authority: the authority of brokers and product is succeeded, in three phases.

Nobody is ever shown what he does not trust yet: first all trust the old one and the new one, then
all show certificates of the new one, then all trust only the new one. Each phase is a wish, so a
run that was cut off goes on in the phase that it had reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from flows.domain.certificates import Certificates
from flows.domain.impact import check_at_risk, felt_with, impact_on
from flows.domain.instance import Broker, Instance
from flows.domain.plan import PlannedStep
from flows.domain.restart import is_due, raised
from flows.domain.rolling import RollPlan, RollRequest
from flows.domain.users import check_every_broker, settled
from flows.domain.wish import Wish

_WORDS = (
    "trust authority {new} beside {old}",
    "show certificates of authority {new}",
    "trust authority {new} alone",
)


class RotateInternalAuthority(RollRequest):
    """Give brokers and the product a new authority; clients are not concerned."""


@dataclass(frozen=True)
class RotationPlan(RollPlan):
    """What is left of the three phases; `rolling` where brokers have to restart in each."""

    phases: tuple[Certificates, ...] = field(kw_only=True)
    rolling: bool = field(kw_only=True)

    @property
    def as_settled(self) -> Instance:
        """The instance as the last operation that succeeded left it."""
        return replace(self.instance, wish=settled(self.instance))


def plan_rotation(instance: Instance, request: RotateInternalAuthority) -> RotationPlan:
    """The phases that are left, for every broker; each request is a rotation."""
    check_every_broker(instance)
    before = settled(instance).internal
    every = _phases(before)
    present = instance.wish.internal
    left = every[every.index(present) :] if present in every else every
    rolling = not instance.wish.release.rotates_live
    due = tuple(broker.id for broker in instance.brokers) if rolling else ()
    felt = impact_on(instance, due)
    check_at_risk(felt, request.at_risk, len(instance.brokers))
    return RotationPlan(
        f"Rotate the internal authority of {instance.name}",
        tuple(_steps(instance, every, left, rolling)),
        felt_with(felt, request.at_risk).sentences,
        instance=instance,
        wish=_with(settled(instance), every[-1]),
        due=due,
        at_risk=request.at_risk,
        stall_budget=request.stall_budget,
        pace=request.pace,
        phases=left,
        rolling=rolling,
    )


def phase_wish(instance: Instance, phase: Certificates, *, rolling: bool) -> Wish:
    """The wish of a phase; brokers start for it where they have to, each once."""
    if not rolling or instance.wish.internal == phase:
        return _with(instance.wish, phase)
    return _with(raised(instance), phase)


def roll_of(plan: RotationPlan, instance: Instance) -> RollPlan:
    """The roll of a phase: brokers that were not started for its wish yet."""
    due = tuple(each.id for each in instance.brokers if is_due(each, instance.wish))
    return replace(plan, instance=instance, wish=instance.wish, due=due)


def _phases(before: Certificates) -> tuple[Certificates, ...]:
    both = before.trusting_next()
    signed = both.signed_by_next()
    return both, signed, signed.settled()


def _with(wish: Wish, numbers: Certificates) -> Wish:
    return wish.model_copy(update={"internal": numbers})


def _steps(
    instance: Instance,
    every: tuple[Certificates, ...],
    left: tuple[Certificates, ...],
    rolling: bool,
) -> Iterator[PlannedStep]:
    way = "stopped and started again" if rolling else "live, no restart"
    for phase in left:
        words = _WORDS[every.index(phase)].format(old=every[0].authority, new=every[-1].authority)
        for broker in instance.brokers:
            yield PlannedStep(_subject(broker), f"{words} ({way})", f"{words} {way}")


def _subject(broker: Broker) -> str:
    return f"broker {broker.id} INTERNAL, CONTROL"
