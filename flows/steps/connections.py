"""Limits of connections that a broker does not have by itself when it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flows.adapters.records.observed import Observed
from flows.adapters.site import Doors, InstanceRow, Kafka, Site
from flows.domain.connections import address_limits_due, limits_after_start, limits_due
from flows.domain.instance import Broker, Instance
from flows.steps.hosts import on_each
from flows.steps.step import step


def limit_connections(site: Site, instance: Instance, brokers: Iterable[Broker]) -> None:
    """The flavor's limit holds on each client listener of these brokers, which serve.

    Nothing happens where brokers start with their limits, or know none.
    """
    due = [broker for broker in brokers if limits_after_start(instance, broker)]
    if due:
        _limit_connections(site, instance, due)


@step("limit connections")
def _limit_connections(site: Site, instance: Instance, brokers: Iterable[Broker]) -> None:
    for broker in brokers:
        tell_limits(site.kafka, instance, broker)


@step("tell brokers which addresses may have how many connections")
def tell_address_limits(site: Site, instance: Instance, brokers: Iterable[Broker]) -> None:
    """Running brokers know the addresses that the instance has now, as their files do.

    A version that learns them at a start only is left alone.
    """
    told = site.zookeeper.broker_configs(instance)
    for broker in brokers:
        due = address_limits_due(instance, told.get(str(broker.id), {}))
        if due:
            site.kafka.alter_broker(instance, broker.id, due)


def limit_again(doors: Doors, row: InstanceRow, seen: Instance) -> list[str]:
    """Brokers that started by themselves have their limits again; `seen` is what a look showed.

    Which start of which broker was told is kept beside what was observed.
    """
    due = limits_due(seen, _observed(doors, row).limited)
    if not due:
        return []
    on_each(lambda broker: tell_limits(doors.kafka, seen, broker), due)
    told = {broker.id: broker.host.kafka_started for broker in due if broker.host}
    now = _observed(doors, row)
    limited = {**now.limited, **{each: start for each, start in told.items() if start is not None}}
    doors.records.set_observed(row.id, replace(now, limited=limited).stored())
    return [f"{row.wish.name}: limits of connections for brokers {', '.join(map(str, told))}"]


def tell_limits(kafka: Kafka, instance: Instance, broker: Broker) -> None:
    """A running broker was told its limits, in the order in which it enforces them."""
    for values in limits_after_start(instance, broker):
        kafka.alter_broker(instance, broker.id, values)


def _observed(doors: Doors, row: InstanceRow) -> Observed:
    present = doors.records.find(row.id)
    return Observed.read((present or row).observed)
