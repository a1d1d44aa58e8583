"""What the health sweep does with one instance: look, remember, tidy up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flows.adapters.site import Doors, InstanceRow
from flows.domain.cluster import Cluster
from flows.domain.errors import EffectFailed
from flows.domain.health import elections_due, faults, topics_without_permissions
from flows.domain.instance import Broker, Instance, Status
from flows.domain.operations import Door, Rating, Trace
from flows.domain.permissions import OPEN_TOPIC
from flows.steps.hosts import on_each
from flows.steps.observation import remembered

SWEEPER = "check-health"


@dataclass(frozen=True)
class Sight:
    """One instance as the sweep saw it."""

    instance: Instance
    cluster: Cluster | None
    faults: tuple[str, ...]


def look(doors: Doors, row: InstanceRow) -> Sight:
    """The instance, its metadata and its faults; whoever does not answer is a fault."""
    instance = remembered(doors, row)
    hosts = doors.hosts(row.id)
    registered = _registered(doors, instance)

    def seen(broker: Broker) -> Broker:
        if broker.machine is None:
            return broker
        host = hosts.observe(broker.machine)
        return replace(broker, host=host, registered=broker.id in registered)

    instance = replace(instance, brokers=tuple(on_each(seen, instance.brokers)))
    cluster = _cluster(doors, instance)
    return Sight(instance, cluster, faults(instance, cluster))


def remember(doors: Doors, row: InstanceRow, sight: Sight, status: Status) -> None:
    """What was seen is kept for `show`; a changed status leaves a trace."""
    doors.records.set_observed(row.id, _observed(sight))
    reason = "; ".join(sight.faults)
    if status is row.status and reason == row.reason:
        return
    doors.records.set_status(row.id, status, reason)
    if status is not row.status:
        rating = Rating.NORMAL if status is Status.RUNNING else Rating.INCIDENT
        words = f"{row.status} -> {status}" + (f": {reason}" if reason else "")
        doors.records.trace(
            Trace("instanceStatusChanged", SWEEPER, Door.SCHEDULE, row.wish.name, {}, words, rating)
        )


def tidy(doors: Doors, sight: Sight) -> list[str]:
    """Topics that clients made have their permissions; leaders are where they belong."""
    if sight.cluster is None:
        return []
    permitted = doors.kafka.topics_with_permissions(sight.instance)
    bare = topics_without_permissions(sight.cluster, permitted)
    for topic in bare:
        doors.kafka.grant(sight.instance, topic, OPEN_TOPIC)
    due = elections_due(sight.cluster)
    if due:
        doors.kafka.elect_preferred(sight.instance, due)
    name = sight.instance.name
    said = [f"{name}: permissions for {', '.join(bare)}"] if bare else []
    return [*said, *([f"{name}: {len(due)} leaders moved back"] if due else [])]


def _registered(doors: Doors, instance: Instance) -> frozenset[int]:
    try:
        return frozenset(doors.zookeeper.registrations(instance))
    except EffectFailed:
        return frozenset()


def _cluster(doors: Doors, instance: Instance) -> Cluster | None:
    try:
        return doors.kafka.cluster(instance)
    except EffectFailed:
        return None


def _observed(sight: Sight) -> Mapping[str, Any]:
    hosts = {broker.id: broker.host for broker in sight.instance.brokers}
    return {
        "faults": list(sight.faults),
        "controller": sight.cluster.controller if sight.cluster else None,
        "topics": len(sight.cluster.user_topics) if sight.cluster else None,
        "partitions": len(sight.cluster.partitions) if sight.cluster else None,
        "disks": {
            str(number): {"total_bytes": host.disk_total_bytes, "used_bytes": host.disk_used_bytes}
            for number, host in hosts.items()
            if host is not None
        },
    }
