"""Rolling over the brokers of an instance: which one is next, and what a roll is made of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, field_validator

from flows.domain.choices import choice
from flows.domain.errors import refusal
from flows.domain.gates import is_left_out
from flows.domain.instance import Broker, Instance, UnitState
from flows.domain.plan import Plan
from flows.domain.reassignment import Pace
from flows.domain.request import InstanceRequest
from flows.domain.speed import Throttle
from flows.domain.wish import Wish

STALL_BUDGET_SECONDS = 5.0
THROTTLE = 50.0
"""MB/s at which replicas are copied that are there for a roll only."""


class AtRisk(StrEnum):
    """What becomes of partitions that cannot be written or read while their broker is away."""

    REFUSE = "refuse"
    ACCEPT = "accept"
    RAISE_REPLICAS = "raise-replicas"


class RollRequest(InstanceRequest):
    """What everybody can say who asks for a change that rolls over the brokers."""

    rolls: ClassVar[bool] = True
    manner_fields: ClassVar[tuple[str, ...]] = ("at_risk", "stall_budget", "throttle")

    at_risk: Annotated[AtRisk, choice(AtRisk, "at_risk")] = Field(
        default=AtRisk.REFUSE,
        title="Partitions at risk",
        description="Topics that cannot be read, or written with acks=all, while their broker is "
        "away: refuse the change, accept it, or raise their replicas while it lasts. A scheduled "
        "run refuses.",
    )
    stall_budget: float = Field(
        default=STALL_BUDGET_SECONDS,
        title="Stall budget (s)",
        description="The roll pauses after a broker whose restart let clients wait longer than "
        "this for an acknowledgement: 0.5 to 600 s.",
    )
    throttle: Throttle = Field(
        default=THROTTLE,
        title="Throttle (MB/s)",
        description="How fast each broker copies replicas at most that are raised for the change; "
        "0: as fast as it can.",
    )

    @field_validator("stall_budget")
    @classmethod
    def _reasonable(cls, seconds: float) -> float:
        if not 0.5 <= seconds <= 600:
            raise refusal("stall_budget", seconds, "0.5 to 600 seconds are accepted")
        return seconds

    @property
    def pace(self) -> Pace:
        """How replicas are raised."""
        return Pace.at(self.throttle)

    def scheduled(self) -> Self:
        """Nobody is there to choose: partitions at risk refuse the change."""
        return self.model_copy(update={"at_risk": AtRisk.REFUSE})


@dataclass(frozen=True)
class RollPlan(Plan):
    """A change that is carried out broker by broker.

    `wish` is what the instance is meant to be afterwards, `due` the brokers that still differ
    from it; one that does not is never stopped.
    """

    instance: Instance = field(kw_only=True)
    wish: Wish = field(kw_only=True)
    due: tuple[int, ...] = field(kw_only=True)
    at_risk: AtRisk = field(default=AtRisk.REFUSE, kw_only=True)
    stall_budget: float = field(default=STALL_BUDGET_SECONDS, kw_only=True)
    pace: Pace = field(default=Pace(), kw_only=True)


def next_broker(instance: Instance, left: Collection[int]) -> Broker | None:
    """Who comes next of those that are left; None when nobody is.

    Stopped and broken ones first, since they can only win, and so does one that has left every
    in-sync set and was not stopped: no other can be spared beside it. The controller last, so that
    it moves once; before it whoever takes ZooKeeper's leader along, because the machine restarts.
    """

    def turn(broker: Broker) -> tuple[bool, bool, bool, int]:
        controls, leads = broker.id == instance.controller, broker.id == instance.zookeeper_leader
        fine = serves(broker) and not _left_out(instance, broker)
        return fine, controls, leads and restarts_machine(instance, broker), broker.id

    return min((broker for broker in instance.brokers if broker.id in left), key=turn, default=None)


def _left_out(instance: Instance, broker: Broker) -> bool:
    return instance.cluster is not None and is_left_out(broker.id, instance.cluster)


def restarts_machine(instance: Instance, broker: Broker) -> bool:
    """Whether the broker's machine, and what else it carries, goes down to get its wished size."""
    around, size, flavor = instance.surroundings, broker.size, instance.wish.flavor_row
    if around is None or size is None or not around.restarts_to_resize:
        return False
    return (size.vcpus, size.memory_gb) != (flavor.vcpus, flavor.memory_gb)


def serves(broker: Broker) -> bool:
    """Whether the broker runs and has registered itself."""
    return broker.host is not None and broker.host.kafka is UnitState.ACTIVE and broker.registered
