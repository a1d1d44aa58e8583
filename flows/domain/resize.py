"""change-flavor: the request, and the plan of which brokers still have another size.

A new flavor is a new start of each broker too: the request raises the generation for which
brokers are to be started, so that one which has the flavor and was started for it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from flows.domain.choices import choice
from flows.domain.creation import check_brokers, check_storage
from flows.domain.errors import Refused, refusal
from flows.domain.flavors import FLAVORS, Flavor, FlavorName
from flows.domain.impact import check_at_risk, closing_steps, felt_with, impact_on
from flows.domain.instance import Broker, Instance
from flows.domain.jvm import jvm
from flows.domain.plan import PlannedStep
from flows.domain.restart import check_answering, is_due, raised
from flows.domain.rolling import RollPlan, RollRequest
from flows.domain.room import check_memory_room

MOST_MEMORY = 0.9
"""Share of the smaller machine's memory that heap and measured memory may take (SPEC 1.6)."""


class ChangeFlavor(RollRequest):
    """Give every broker's machine another size, one broker after the other."""

    flavor: Annotated[FlavorName, choice(FlavorName, "flavor")] = Field(
        title="Flavor",
        description="New size of each broker's machine: vCPUs (u) and memory in GB (g); larger "
        "or smaller.",
    )


@dataclass(frozen=True)
class ResizePlan(RollPlan):
    """A roll that gives each broker the flavor of the wish."""

    @property
    def flavor(self) -> Flavor:
        """The row of the flavor that every broker shall have."""
        return self.wish.flavor_row


def plan_resize(instance: Instance, request: ChangeFlavor) -> ResizePlan:
    """The brokers that are still to get the flavor; Refused when the instance does not fit it."""
    wish = instance.wish
    if wish.flavor != request.flavor:
        _check_fits(instance, FLAVORS[request.flavor])
        wish = raised(instance).model_copy(update={"flavor": str(request.flavor)})
    due = tuple(broker.id for broker in instance.brokers if is_due(broker, wish))
    open_or_new = instance.change_is_open or wish != instance.wish
    felt = impact_on(instance, due)
    if open_or_new:
        check_at_risk(felt, request.at_risk, len(instance.brokers))
    closing = closing_steps(instance, felt, request.at_risk)
    return ResizePlan(
        f"Change the flavor of {instance.name} to {request.flavor}",
        (*_steps(wish.flavor_row, due), *closing) if open_or_new else (),
        felt_with(felt, request.at_risk).sentences,
        instance=instance,
        wish=wish,
        due=due if open_or_new else (),
        at_risk=request.at_risk,
        stall_budget=request.stall_budget,
        pace=request.pace,
    )


def _steps(flavor: Flavor, due: tuple[int, ...]) -> Iterator[PlannedStep]:
    size = f"{flavor.vcpus} vCPUs and {flavor.memory_gb} GB"
    for number in due:
        words = f"stop Kafka, give its machine {size}, start Kafka"
        yield PlannedStep(f"broker {number}", words, flavor.name)


def _check_fits(instance: Instance, flavor: Flavor) -> None:
    check_answering(instance)
    check_brokers(instance.wish.brokers, flavor)
    check_storage(instance.wish.storage_per_broker, instance.wish.brokers, flavor)
    _check_partitions(instance, flavor)
    _check_machines(instance, flavor)
    _check_memory(instance, flavor)


def _check_partitions(instance: Instance, flavor: Flavor) -> None:
    parts = instance.cluster.partitions if instance.cluster else ()
    present = len([part for part in parts if not part.topic.startswith("__")])
    limit = flavor.partitions * instance.wish.brokers
    if present > limit:
        raise refusal(
            "flavor",
            flavor.name,
            f"{instance.name} has {present} partitions; {instance.wish.brokers} brokers of that "
            f"flavor have at most {limit}; delete topics, or choose a larger flavor",
        )


def _check_machines(instance: Instance, flavor: Flavor) -> None:
    around = instance.surroundings
    if around is None:
        return
    if around.keeps_machines:
        _check_own_sizes(instance, flavor)
        return
    more = around.needs[flavor.name].memory_mb - around.needs[instance.wish.flavor].memory_mb
    check_memory_room(more, len(instance.brokers), around.free, around.provider)


def _check_own_sizes(instance: Instance, flavor: Flavor) -> None:
    for broker in instance.brokers:
        size = broker.size
        if size and (size.vcpus < flavor.vcpus or size.memory_gb < flavor.memory_gb):
            name = broker.machine.name if broker.machine else f"broker {broker.id}"
            raise refusal(
                "flavor",
                flavor.name,
                f"{name} has {size.vcpus} vCPUs and {size.memory_gb} GB; own hosts are never "
                "resized, so each must have the size already",
            )


def _check_memory(instance: Instance, flavor: Flavor) -> None:
    """A broker that would not fit into the smaller machine is better told before it is stopped."""
    around = instance.surroundings
    if around is None or flavor.memory_gb >= instance.wish.flavor_row.memory_gb:
        return
    heap = jvm(instance.wish.provider, flavor.memory_gb).kafka_heap_mb
    now = jvm(instance.wish.provider, instance.wish.flavor_row.memory_gb).kafka_heap_mb
    available = round(around.needs[flavor.name].memory_mb * MOST_MEMORY)
    for broker in instance.brokers:
        needed = _memory_without_heap(broker, now) + heap
        if needed > available:
            raise Refused(
                f'flavor "{flavor.name}": broker {broker.id} needs {needed} MB, {heap} of them '
                f"heap; {MOST_MEMORY:.0%} of that machine's memory, {available} MB, is accepted"
            )


def _memory_without_heap(broker: Broker, heap: int) -> int:
    used = broker.host.memory_used_mb if broker.host else 0
    return max(0, used - heap)
