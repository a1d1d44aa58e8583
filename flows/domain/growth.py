"""add-brokers: the request, and the plan of which brokers are still to come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pydantic import Field

from flows.domain.creation import broker_steps, check_brokers, check_provider, check_storage
from flows.domain.errors import refusal
from flows.domain.instance import Broker, Instance, zone_of
from flows.domain.plan import Plan, PlannedStep
from flows.domain.quotas import check_quotas
from flows.domain.reassignment import Pace, left_behind
from flows.domain.rebalancing import evened
from flows.domain.request import InstanceRequest
from flows.domain.restart import check_answering
from flows.domain.speed import Throttle
from flows.domain.wish import Wish


class AddBrokers(InstanceRequest):
    """Give an instance more brokers; those that it has are not touched."""

    brokers: int = Field(
        title="Brokers",
        description="Number of brokers in all afterwards: more than now, up to 30, or 50 from "
        "kafka.8u16g.cluster on. Storage grows in proportion.",
    )
    rebalance: bool = Field(
        default=False,
        title="Rebalance",
        description="Move partitions onto the new brokers as well; otherwise topics stay where "
        "they are, and only new ones use the new brokers.",
    )
    throttle: Throttle = Field(
        default=0.0,
        title="Throttle (MB/s)",
        description="How fast each broker copies partitions at most while it rebalances; 0: as "
        "fast as it can.",
    )


@dataclass(frozen=True)
class GrowthPlan(Plan):
    """The instance with its new brokers, and whether partitions move onto them."""

    instance: Instance = field(kw_only=True)
    wish: Wish = field(kw_only=True)
    rebalance: bool = field(kw_only=True)
    pace: Pace = field(kw_only=True)


def plan_growth(instance: Instance, request: AddBrokers) -> GrowthPlan:
    """The brokers that are still to be made; Refused past a limit or without room."""
    wish = instance.wish.model_copy(update={"brokers": request.brokers})
    title = f"Add brokers to {instance.name}"
    grown = _with_brokers(instance, wish)
    if wish != instance.wish:
        _check(instance, grown)
    as_wished = wish == instance.wish and not instance.change_is_open
    nothing = as_wished and not (request.rebalance and _is_uneven(grown))
    return GrowthPlan(
        title,
        () if nothing else tuple(_steps(grown, request.rebalance)),
        instance=grown,
        wish=wish,
        rebalance=request.rebalance,
        pace=Pace.at(request.throttle),
    )


def _is_uneven(instance: Instance) -> bool:
    """Whether partitions are still to move, or a rebalance that was cut off to be tidied up."""
    zones = {broker.id: broker.zone for broker in instance.brokers}
    state = instance.cluster
    return state is not None and (left_behind(state) or bool(evened(state, zones).moves))


def _with_brokers(instance: Instance, wish: Wish) -> Instance:
    """The same instance with the brokers that it is yet to get; they have no machine."""
    around = instance.surroundings
    zones = around.zones[: wish.availability_zones] if around else ("",)
    new = tuple(
        Broker(id=number, zone=zone_of(number, zones))
        for number in range(len(instance.brokers) + 1, wish.brokers + 1)
    )
    return replace(instance, wish=wish, brokers=(*instance.brokers, *new))


def _check(instance: Instance, grown: Instance) -> None:
    present, asked = instance.wish.brokers, grown.wish.brokers
    if asked < present:
        rule = f"{instance.name} has {present} brokers, and they are never fewer; more is accepted"
        raise refusal("brokers", asked, rule)
    check_brokers(asked, grown.wish.flavor_row)
    check_storage(grown.wish.storage_per_broker, asked, grown.wish.flavor_row)
    check_quotas(instance.allowance, grown.wish)
    check_answering(instance)
    check_provider(grown)


def _steps(grown: Instance, rebalance: bool) -> Iterator[PlannedStep]:
    for broker in grown.brokers:
        yield from broker_steps(grown, broker)
    words = "let the new brokers in at every host, prove each broker with messages"
    yield PlannedStep("instance", words, f"brokers {grown.wish.brokers}")
    if rebalance:
        words = "move partitions so that all brokers carry and lead evenly"
        yield PlannedStep("partitions", words, "rebalance")
