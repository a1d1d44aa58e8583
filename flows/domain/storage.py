"""grow-storage: the request, and the plan of which disks are still to be grown."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from pydantic import Field

from flows.domain.creation import check_storage
from flows.domain.errors import refusal
from flows.domain.instance import Broker, Instance
from flows.domain.plan import Plan, PlannedStep
from flows.domain.quotas import check_quotas
from flows.domain.request import InstanceRequest
from flows.domain.room import check_disk_room
from flows.domain.wish import Wish

MOST_GROWTHS = 20
"""How often storage can grow in the life of an instance (guide section 7.1)."""


class GrowStorage(InstanceRequest):
    """Give every broker a larger disk, live."""

    storage_per_broker: int = Field(
        title="Storage per broker (GB)",
        description="The new size of each broker's disk: more than now, in steps of 100 GB. It "
        "can grow 20 times and never shrinks.",
    )


@dataclass(frozen=True)
class StoragePlan(Plan):
    """The larger wish, and the brokers whose disks may still be smaller."""

    instance: Instance = field(kw_only=True)
    wish: Wish = field(kw_only=True)
    due: tuple[int, ...] = field(kw_only=True)


def plan_storage(instance: Instance, request: GrowStorage) -> StoragePlan:
    """The disks that are to be grown; Refused past a limit, and where machines cannot grow.

    A growth that was cut off is gone through once more: what has its size already stays as it is.
    """
    title, size = f"Grow the storage of {instance.name}", request.storage_per_broker
    wish = instance.wish.model_copy(update={"storage_per_broker": size})
    if wish == instance.wish and not instance.change_is_open:
        return StoragePlan(title, instance=instance, wish=wish, due=())
    if wish != instance.wish:
        _check_growth(instance, size)
        check_quotas(instance.allowance, wish)
        _check_provider(instance, size)
    steps = tuple(_step(broker, size) for broker in instance.brokers)
    due = tuple(broker.id for broker in instance.brokers)
    return StoragePlan(title, steps, instance=instance, wish=wish, due=due)


def _check_growth(instance: Instance, size: int) -> None:
    present, count = instance.wish.storage_per_broker, instance.storage_growths
    if size < present:
        rule = f"each broker has {present} GB, and storage never shrinks; more is accepted"
        raise refusal("storage_per_broker", size, rule)
    check_storage(size, instance.wish.brokers, instance.wish.flavor_row)
    if count >= MOST_GROWTHS:
        rule = f"the storage of {instance.name} grew {count} times; {MOST_GROWTHS} are accepted"
        raise refusal("storage_per_broker", size, rule)


def _check_provider(instance: Instance, size: int) -> None:
    around = instance.surroundings
    if around is None:
        return
    if around.keeps_machines:
        _check_own_disks(instance, size)
        return
    # A machine's disk may be scaled down by its provider, and so is what it grows by.
    scaled = around.need_per_machine.disk_gb * size / instance.wish.storage_per_broker
    more = ceil(scaled - around.need_per_machine.disk_gb)
    check_disk_room(more, len(instance.brokers), around.free, around.provider)


def _check_own_disks(instance: Instance, size: int) -> None:
    for broker in instance.brokers:
        if broker.size is not None and broker.size.disk_gb < size:
            name = broker.machine.name if broker.machine else f"broker {broker.id}"
            raise refusal(
                "storage_per_broker",
                size,
                f"the disk of {name} has {broker.size.disk_gb} GB; disks of own hosts are grown "
                "by their owner, and then said so in the list of hosts",
            )


def _step(broker: Broker, size: int) -> PlannedStep:
    words = f"grow the disk to {size} GB, live; no restart"
    return PlannedStep(f"broker {broker.id}", words, f"disk {size}")
