"""Judging an instance from what was seen of it: why it is faulty, and what the sweep tidies up."""

from __future__ import annotations

from collections.abc import Collection

from flows.domain.cluster import Cluster
from flows.domain.instance import Broker, HostState, Instance, Status, UnitState

SWEPT = (Status.RUNNING, Status.FAULTY)
"""Statuses that the sweep moves between."""
LEFT_BEHIND = (Status.CHANGING, Status.RESTARTING)
"""Statuses that mean a change without anybody who carries it out, when no operation lives."""


def faults(instance: Instance, cluster: Cluster | None) -> tuple[str, ...]:
    """Why the instance is faulty, broker by broker; empty when it is well."""
    found = [fault for broker in instance.brokers if (fault := _broker_fault(broker))]
    if found:
        return tuple(found)
    if cluster is None:
        return ("Kafka does not answer on CONTROL",)
    leaderless = [part for part in cluster.partitions if part.leader is None]
    if leaderless:
        first = f"{leaderless[0].topic}-{leaderless[0].number}"
        return (f"{len(leaderless)} partitions have no leader, among them {first}",)
    return ()


def status_after(seen: Status, found: Collection[str]) -> Status:
    """The status that the sweep gives to an instance without a living operation."""
    if seen in LEFT_BEHIND:
        return Status.CHANGE_FAILED
    if seen not in SWEPT:
        return seen
    return Status.FAULTY if found else Status.RUNNING


def reason_after(seen: Status, found: Collection[str]) -> str:
    """Why the instance has the status that the sweep gives it; empty when it is well."""
    lost = "the operation that was changing it ended without a report"
    return "; ".join([*([lost] if seen in LEFT_BEHIND else []), *found])


def topics_without_permissions(cluster: Cluster, permitted: Collection[str]) -> tuple[str, ...]:
    """Topics that clients made themselves and that anybody could still alter or delete."""
    return tuple(topic for topic in cluster.user_topics if topic not in permitted)


def elections_due(cluster: Cluster) -> tuple[tuple[str, int], ...]:
    """Partitions whose preferred leader is back in every in-sync set but does not lead."""
    waiting = {
        broker for part in cluster.partitions for broker in set(part.replicas) - set(part.in_sync)
    }
    return tuple(
        (part.topic, part.number)
        for part in cluster.partitions
        if part.leader is not None
        and part.leader != part.preferred_leader
        and part.preferred_leader in part.in_sync
        and part.preferred_leader not in waiting
    )


def _broker_fault(broker: Broker) -> str | None:
    name = f"broker {broker.id}"
    if broker.machine is None:
        return f"{name} has no machine"
    if broker.host is None:
        return f"{name}: its machine {broker.machine.name} does not answer over SSH"
    fault = _host_fault(broker, broker.host)
    if fault:
        return f"{name}: {fault} on {broker.machine.name}"
    return None if broker.registered else f"{name}: Kafka runs but is not registered in ZooKeeper"


def _host_fault(broker: Broker, host: HostState) -> str | None:
    if not host.disk_mounted:
        return "its data disk is not mounted"
    if broker.has_zookeeper and host.zookeeper is not UnitState.ACTIVE:
        return f"ZooKeeper is {host.zookeeper}"
    return None if host.kafka is UnitState.ACTIVE else f"Kafka is {host.kafka}"
