"""roll-back: the request, and the plan that takes an unfinished change back.

The instance is wished again as the last operation that succeeded left it. Brokers that were
already started for the change start once more, as they were; all others are left alone. A restart
has nothing to take back: whoever is down is started, and that is all. Addresses of clients are told
as before, without a restart.
"""

from __future__ import annotations

from pydantic import BaseModel

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
    }
)
"""What can be brought back; a disk that has grown, or a machine that was added, cannot."""


class RollBack(RollRequest):
    """Take back a change that was cut off or failed."""


def plan_rollback(instance: Instance, request: RollBack) -> RollPlan:
    """What is left to be taken back; Refused when the change has no way back."""
    settled = instance.settled_wish
    if settled is None:
        raise Refused(
            f'instance "{instance.name}": no operation succeeded that one could go back to'
        )
    check_answering(instance)
    undoing = instance.wish.rollbacks > settled.rollbacks
    wish = instance.wish if undoing else _undone(instance, settled)
    due = tuple(
        broker.id
        for broker in instance.brokers
        if is_due(broker, wish)
        or (instance.cluster is not None and is_left_out(broker.id, instance.cluster))
    )
    felt = impact_on(instance, due)
    check_at_risk(felt, request.at_risk, len(instance.brokers))
    steps = (
        *(_listeners_step(broker, wish) for broker in speaking_otherwise(instance, wish)),
        *returning_steps(instance, wish),
        *(_step(instance.broker(number)) for number in due),
    )
    told = felt_with(felt, request.at_risk).sentences
    return RollPlan(
        f"Roll back the change of {instance.name}",
        (*steps, *closing_steps(instance, felt, request.at_risk)),
        (*told, expected(len(due), instance.seconds_per_broker)),
        instance=instance,
        wish=wish,
        due=due,
        at_risk=request.at_risk,
        stall_budget=request.stall_budget,
        pace=request.pace,
    )


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
    started = (
        [each for each in instance.brokers if _was_started(each, settled)] if differing else []
    )
    noted = [each.host.started_generation for each in instance.brokers if each.host]
    generation = 1 + max([*noted, *(instance.wish.generation_of(each.id) for each in started)])
    own = {**dict(settled.broker_generations), **{each.id: generation for each in started}}
    change = {
        "broker_generations": tuple(sorted(own.items())),
        "rollbacks": settled.rollbacks + 1,
    }
    return on_the_way_back(instance, settled).model_copy(update=change)


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
