"""replace-broker: the request, and the plan for a machine that died for good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pydantic import Field

from flows.domain.cluster import Partition
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Broker, Instance, machine_name
from flows.domain.plan import Plan, PlannedStep
from flows.domain.reassignment import Pace
from flows.domain.request import InstanceRequest
from flows.domain.speed import Throttle
from flows.domain.wish import Wish

NAMED_AT_MOST = 5


class ReplaceBroker(InstanceRequest):
    """Give a broker whose machine died for good a new one."""

    broker: int = Field(title="Broker", description="Id of the broker whose machine died for good.")
    throttle: Throttle = Field(
        default=0.0,
        title="Throttle (MB/s)",
        description="How fast the new machine copies its replicas at most; 0: as fast as it can.",
    )
    accept_loss: bool = Field(
        default=False,
        title="Accept loss",
        description="Go on although messages were on the dead machine alone: partitions with one "
        "replica, and those of which no other replica was in sync. They begin anew, empty.",
    )


@dataclass(frozen=True)
class ReplacementPlan(Plan):
    """The instance with the wish for a new machine, and the broker that gets it."""

    instance: Instance = field(kw_only=True)
    wish: Wish = field(kw_only=True)
    broker: int = field(kw_only=True)
    pace: Pace = field(kw_only=True)

    @property
    def as_wished(self) -> Instance:
        """The instance with its new wish."""
        return replace(self.instance, wish=self.wish)


def plan_replacement(instance: Instance, request: ReplaceBroker) -> ReplacementPlan:
    """What is left until the broker serves from a new machine.

    Refused while the old machine answers, and for messages that nobody else has.
    """
    broker = _broker(instance, request.broker)
    wish, lost = instance.wish, _only_there(instance, request.broker)
    if not instance.change_is_open:
        _check_dead(broker)
        _check_others(instance, broker)
        _check_loss(lost, request)
        wish = _with_new_machine(wish, broker)
    return ReplacementPlan(
        f"Replace the machine of broker {broker.id} of {instance.name}",
        tuple(_steps(instance, wish, broker)),
        tuple(f"{part.name}: its messages were on the dead machine alone" for part in lost),
        instance=instance,
        wish=wish,
        broker=broker.id,
        pace=Pace.at(request.throttle),
    )


def _broker(instance: Instance, number: int) -> Broker:
    known = [broker.id for broker in instance.brokers]
    if number not in known:
        names = ", ".join(str(each) for each in known)
        raise refusal("broker", number, f"the brokers of {instance.name} are {names}")
    return instance.broker(number)


def _check_dead(broker: Broker) -> None:
    if broker.host is not None or broker.registered:
        name = broker.machine.name if broker.machine else f"broker {broker.id}"
        where = "answers over SSH" if broker.host is not None else "is registered in ZooKeeper"
        raise refusal(
            "broker",
            broker.id,
            f"its machine {name} is alive: it {where}; only one that died for good is replaced",
        )


def _check_others(instance: Instance, dead: Broker) -> None:
    """With one more machine away ZooKeeper has no majority, and nothing can be replaced."""
    away = [each.id for each in instance.ensemble if each.host is None and each.id != dead.id]
    if away and (dead.has_zookeeper or len(away) > 1):
        names = ", ".join(str(each) for each in away)
        raise refusal(
            "broker",
            dead.id,
            f"the machine of broker {names} does not answer either, so ZooKeeper has no majority; "
            "bring one of them back first",
        )


def _check_loss(lost: Sequence[Partition], request: ReplaceBroker) -> None:
    if lost and not request.accept_loss:
        names = ", ".join(part.name for part in lost[:NAMED_AT_MOST])
        more = f" and {len(lost) - NAMED_AT_MOST} more" if len(lost) > NAMED_AT_MOST else ""
        raise Refused(
            f"accept_loss off: nobody but the dead machine has all messages of {names}{more}; "
            "bring the machine back, or accept that they are lost"
        )


def _only_there(instance: Instance, broker: int) -> tuple[Partition, ...]:
    parts = instance.cluster.partitions if instance.cluster else ()
    return tuple(
        part for part in parts if broker in part.replicas and not set(part.in_sync) - {broker}
    )


def _with_new_machine(wish: Wish, broker: Broker) -> Wish:
    present = broker.machine.generation if broker.machine else 0
    generations = {**dict(wish.machine_generations), broker.id: present + 1}
    return wish.model_copy(update={"machine_generations": tuple(sorted(generations.items()))})


def _steps(instance: Instance, wish: Wish, broker: Broker) -> Iterator[PlannedStep]:
    name = machine_name(instance.id, broker.id, wish.machine_of(broker.id))
    subject = f"broker {broker.id}"
    role = " and ZooKeeper" if broker.has_zookeeper else ""
    yield PlannedStep(subject, f"make machine {name} at {broker.address}", name)
    yield PlannedStep(subject, "issue new certificates for it", f"certificates {name}")
    yield PlannedStep(subject, f"deliver and start Kafka{role}", f"start {name}")
    yield PlannedStep(subject, "wait until its replicas came back from the others", "refill")
    yield PlannedStep("instance", "prove it with produced and consumed messages", "proof")
