"""roll-back: the request, and the plan that takes an unfinished change back.

The instance is wished again as the last operation that succeeded left it. Brokers that were
already started for the change start once more, as they were; all others are left alone. A restart
has nothing to take back: whoever is down is started, and that is all. Certificates and addresses
of clients that brokers were told while they ran go back in the same way, without a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import BaseModel

from flows.domain.certificate_replacement import client_listeners
from flows.domain.certificate_uploads import way_between
from flows.domain.certificate_ways import Way
from flows.domain.certificates import Certificates
from flows.domain.errors import Refused, refusal
from flows.domain.gates import is_left_out
from flows.domain.impact import check_at_risk, closing_steps, felt_with, impact_on
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import client_protocol
from flows.domain.mutual_tls import speaking_otherwise
from flows.domain.plan import PlannedStep
from flows.domain.progress import expected
from flows.domain.restart import check_answering, is_due
from flows.domain.returning import on_the_way_back, returning_steps
from flows.domain.rolling import RollPlan, RollRequest, serves
from flows.domain.wish import GENERATIONS, Wish

WAYS_BACK = frozenset(
    {
        "name",
        "description",
        "enterprise_project",
        "tags",
        "capacity_policy",
        "delete_protection",
        "flavor",
        "auto_create_topics",
        "mutual_tls",
        "access",
        "public_access",
        "client_facing",
    }
)
"""What can be brought back; a disk that has grown, or a machine that was added, cannot."""


class RollBack(RollRequest):
    """Take back a change that was cut off or failed."""

    goes_back: ClassVar[bool] = True


@dataclass(frozen=True)
class RollBackPlan(RollPlan):
    """The `due` brokers start as they were; the others are told while they run, if anything."""

    @property
    def again(self) -> tuple[int, ...]:
        """Brokers that serve what they did before without a restart, where they do not still."""
        every = self.instance.brokers if self.certificates_return else ()
        return tuple(broker.id for broker in every if broker.id not in self.due)

    @property
    def as_wished(self) -> Instance:
        """The instance as it was before the change."""
        return replace(self.instance, wish=self.wish)

    @property
    def as_begun(self) -> Instance:
        """The instance with the certificates that were begun and are taken back."""
        numbers = self.wish.client_facing
        begun = self.wish.model_copy(update={"client_facing": numbers.taken_back or numbers})
        return replace(self.instance, wish=begun)

    @property
    def certificates_return(self) -> bool:
        """Whether brokers are to serve again what they did before."""
        before = self.instance.settled_wish
        return before is not None and self.wish.client_facing != before.client_facing


def plan_rollback(instance: Instance, request: RollBack) -> RollBackPlan:
    """What is left to be taken back; Refused when the change has no way back."""
    settled = instance.settled_wish
    if settled is None:
        raise Refused(
            f'instance "{instance.name}": no operation succeeded that one could go back to'
        )
    check_answering(instance)
    undoing = instance.wish.rollbacks > settled.rollbacks
    wish = instance.wish if undoing else _undone(instance, settled)
    due = tuple(broker.id for broker in instance.brokers if _is_due(instance, broker, wish))
    felt = impact_on(instance, due)
    check_at_risk(felt, request.at_risk, len(instance.brokers))
    plan = RollBackPlan(
        f"Roll back the change of {instance.name}",
        instance=instance,
        wish=wish,
        due=due,
        at_risk=request.at_risk,
        stall_budget=request.stall_budget,
        pace=request.pace,
    )
    closing = closing_steps(instance, felt, request.at_risk)
    told = felt_with(felt, request.at_risk).sentences
    return replace(plan, steps=(*_steps(plan), *closing), warnings=(*told, *_warnings(plan)))


def _is_due(instance: Instance, broker: Broker, wish: Wish) -> bool:
    left_out = instance.cluster is not None and is_left_out(broker.id, instance.cluster)
    return is_due(broker, wish) or left_out


def _steps(plan: RollBackPlan) -> Iterator[PlannedStep]:
    yield from _serving_steps(plan)
    for broker in speaking_otherwise(plan.instance, plan.wish):
        yield _listeners_step(broker, plan.wish)
    yield from returning_steps(plan.instance, plan.wish)
    for number in plan.due:
        yield _step(plan.instance.broker(number))


def _warnings(plan: RollBackPlan) -> Iterator[str]:
    numbers = plan.wish.client_facing
    begun = numbers.taken_back if plan.certificates_return else None
    if begun is not None and begun.authority not in numbers.trusted:
        yield (
            f"clients that trust only authority {begun.authority} by now are refused at their next "
            "connection; the present bundle has the right one"
        )
    yield expected(len(plan.due), plan.instance.seconds_per_broker)


def _words(value: object, settled: object) -> str:
    """The value, or of one with parts the names of those that are different."""
    if not isinstance(value, BaseModel):
        return str(value)
    parts = type(value).model_fields
    return ", ".join(each for each in parts if getattr(value, each) != getattr(settled, each))


def _undone(instance: Instance, settled: Wish) -> Wish:
    """The settled wish, with a new start for each broker that was started for the change."""
    differing = [
        name
        for name in Wish.model_fields
        if name not in GENERATIONS and getattr(instance.wish, name) != getattr(settled, name)
    ]
    for name in differing:
        if name not in WAYS_BACK:
            rule = "this has no way back; ask for the same change again to finish it"
            raise refusal(name, _words(getattr(instance.wish, name), getattr(settled, name)), rule)
    _check_can_return(instance, settled)
    restarts = bool(differing) and not _returns_live(instance, settled)
    started = [
        each for each in instance.brokers if differing and (restarts or _was_started(each, settled))
    ]
    own = {**dict(settled.broker_generations), **_own_generations(instance, settled, started)}
    change = {
        "broker_generations": tuple(sorted(own.items())),
        "rollbacks": settled.rollbacks + 1,
        "client_facing": _returned(instance.wish.client_facing, settled.client_facing),
    }
    return on_the_way_back(instance, settled).model_copy(update=change)


def _own_generations(
    instance: Instance, settled: Wish, started: Sequence[Broker]
) -> dict[int, int]:
    """Broker -> the generation that it is to be started for, or was if nothing is taken back.

    What a start has brought stays so: names that its certificate dropped are not in it again.
    """
    noted = {each.id: each.host.started_generation for each in instance.brokers if each.host}
    ahead = {each.id: noted[each.id] for each in instance.brokers if _was_started(each, settled)}
    wished = (instance.wish.generation_of(each.id) for each in started)
    generation = 1 + max([*noted.values(), *wished])
    return {**ahead, **{each.id: generation for each in started}}


def _returned(begun: Certificates, before: Certificates) -> Certificates:
    return before if begun == before else before.after(begun)


def _returns_live(instance: Instance, settled: Wish) -> bool:
    """Whether brokers that were told other certificates while they ran take the old ones so too.

    A roll to them is taken back by a roll in any case, over those that were started for it.
    """
    upload, rolled = instance.upload, instance.wish.start_generation > settled.start_generation
    if rolled or upload is None or instance.wish.client_facing == settled.client_facing:
        return True
    return way_between(instance, upload.facts, upload.present) is not Way.ROLLING


def _check_can_return(instance: Instance, settled: Wish) -> None:
    """Refuses to go back to certificates that are forgotten, or by a way that locks us out."""
    begun, before = instance.wish.client_facing, settled.client_facing
    if begun == before:
        return
    if instance.stores_gone:
        raise refusal(
            "client_facing",
            f"certificate {begun.leaf}",
            f"every broker serves it, and what is from before ({instance.stores_gone[0]}) is "
            "being forgotten already; ask for the same change again to finish it",
        )
    if instance.wish.mutual_tls and before.authority not in begun.trusted:
        raise refusal(
            "client_facing",
            f"authority {begun.authority} alone",
            f"with mutual TLS brokers refuse whom authority {before.authority} has signed by now, "
            "the product as well; ask for the same change again to finish it",
        )


def _serving_steps(plan: RollBackPlan) -> Iterator[PlannedStep]:
    numbers = plan.wish.client_facing
    for broker, listener in client_listeners(plan.instance):
        if broker.id in plan.again:
            yield PlannedStep(
                f"broker {broker.id} {listener.name}",
                f"serve certificate {numbers.leaf} of authority {numbers.authority} again, where "
                f"another one is served ({Way.NEW_FILE})",
                f"leaf {numbers.leaf} authority {numbers.authority} again",
            )


def _was_started(broker: Broker, settled: Wish) -> bool:
    noted = broker.host.started_generation if broker.host else 0
    return noted > settled.generation_of(broker.id)


def _listeners_step(broker: Broker, wish: Wish) -> PlannedStep:
    protocol = client_protocol(sasl_ssl=wish.sasl_ssl, mutual_tls=wish.mutual_tls)
    words = f"make the listeners of its clients anew with {protocol}, as they were"
    return PlannedStep(f"broker {broker.id}", words, f"listeners {protocol}")


def _step(broker: Broker) -> PlannedStep:
    words = "start Kafka once more, as it was" if serves(broker) else "start Kafka, which is down"
    return PlannedStep(f"broker {broker.id}", words, "as it was")
