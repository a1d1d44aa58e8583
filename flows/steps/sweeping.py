"""What the health sweep does with one instance: look, remember, tidy up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from flows.adapters.records.observed import Disk, Observed
from flows.adapters.site import Doors, Hosts, InstanceRow, Kafka, Secrets, Site, ZooKeeper
from flows.domain.cluster import Cluster
from flows.domain.errors import EffectFailed
from flows.domain.health import (
    SWEPT,
    elections_due,
    faults,
    reason_after,
    status_after,
    topics_without_permissions,
)
from flows.domain.instance import Broker, Instance, Status
from flows.domain.introduction import introduction
from flows.domain.operations import Door, Rating, Trace
from flows.domain.permissions import OPEN_TOPIC
from flows.steps.certificates import certificate_ends
from flows.steps.hosts import on_each
from flows.steps.raising import put_back_next
from flows.steps.reassigning import release_throttles
from flows.steps.step import step

SWEEPER = "check-health"


@dataclass(frozen=True)
class Sight:
    """One instance as the sweep saw it."""

    instance: Instance
    cluster: Cluster | None
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Eyes:
    """The doors through which an instance is looked at."""

    hosts: Hosts
    zookeeper: ZooKeeper
    kafka: Kafka


def look(eyes: Eyes, instance: Instance) -> Sight:
    """The instance, its metadata and its faults; whoever does not answer is a fault."""
    registered = _registered(eyes, instance)

    def seen(broker: Broker) -> Broker:
        if broker.machine is None:
            return broker
        host = eyes.hosts.observe(broker.machine)
        return replace(broker, host=host, registered=broker.id in registered)

    instance = replace(instance, brokers=tuple(on_each(seen, instance.brokers)))
    cluster = _cluster(eyes, instance)
    return Sight(instance, cluster, faults(instance, cluster))


@step("look at the new instance")
def look_at_new(site: Site, instance: Instance) -> None:
    """What `show` tells of it is there from its first minute on; a page introduces it."""
    sight = look(Eyes(site.hosts, site.zookeeper, site.kafka), instance)
    seen = _observed(site.secrets, sight, site.clock.now())
    site.records.set_observed(instance.id, seen.stored())
    site.stage.publish("instance", introduction(instance))


@step("look at the instance as it is now")
def look_again(site: Site, instance: Instance) -> None:
    """What `show` tells of it is what there is after the change."""
    sight = look(Eyes(site.hosts, site.zookeeper, site.kafka), instance)
    seen = _observed(site.secrets, sight, site.clock.now())
    site.records.set_observed(instance.id, seen.stored())


def is_idle(doors: Doors, row: InstanceRow) -> bool:
    """Whether the instance still is as the row says, and no living operation holds it.

    A look takes seconds: what an operation did meanwhile must not be written over.
    """
    found = doors.records.find(row.id)
    unchanged = found is not None and found.status is row.status
    return unchanged and doors.records.holder(row.id) is None


def remember_sight(doors: Doors, row: InstanceRow, sight: Sight) -> None:
    """What was seen is kept for `show`; what was done after earlier looks stays noted."""
    seen = _observed(doors.secrets, sight, doors.clock.now())
    present = doors.records.find(row.id) or row
    before = Observed.read(present.observed)
    kept = replace(seen, limited=before.limited, seen=before.seen, seen_at=before.seen_at)
    doors.records.set_observed(row.id, kept.stored())


def remember_status(doors: Doors, row: InstanceRow, found: Collection[str]) -> Status:
    """The instance has the status that follows from its faults; a changed one leaves a trace.

    What an operation did since the look is not written over.
    """
    status, reason = status_after(row.status, found), reason_after(row.status, found)
    if (status, reason) == (row.status, row.reason):
        return status
    if not doors.records.set_status_at_rest(row.id, row.status, status, reason):
        return row.status
    if status is not row.status:
        rating = Rating.NORMAL if status is Status.RUNNING else Rating.INCIDENT
        words = f"{row.status} -> {status}" + (f": {reason}" if reason else "")
        doors.records.trace(
            Trace("instanceStatusChanged", SWEEPER, Door.SCHEDULE, row.wish.name, {}, words, rating)
        )
    return status


def tidy(doors: Doors, sight: Sight) -> list[str]:
    """Topics that clients made have their permissions; leaders are where they belong.

    Replication is held back only while something moves.
    """
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
    moved = [f"{name}: {len(due)} leaders moved back"] if due else []
    left = tidy_replicas(doors, sight.instance)
    return [*said, *moved, *(f"{name}: {each}" for each in left)]


def tidy_replicas(doors: Doors, instance: Instance) -> list[str]:
    """What a killed run held back is free again; a line for whatever there was.

    At rest replicas that were raised for a roll go back too. A change that is to be finished or
    rolled back still needs them, and puts them back itself.
    """
    state = doors.zookeeper.state(instance)
    # Only now: whoever holds the instance by then may have set what was seen.
    if doors.records.holder(instance.id) is not None:
        return []
    freed = release_throttles(doors, instance, state)
    back = instance.status in SWEPT and put_back_next(doors, instance, state)
    lines = (freed, "left-over throttles removed"), (back, "raised replicas put back")
    return [line for happened, line in lines if happened]


def _registered(eyes: Eyes, instance: Instance) -> frozenset[int]:
    try:
        return frozenset(eyes.zookeeper.registrations(instance))
    except EffectFailed:
        return frozenset()


def _cluster(eyes: Eyes, instance: Instance) -> Cluster | None:
    try:
        return eyes.kafka.cluster(instance)
    except EffectFailed:
        return None


def _observed(secrets: Secrets, sight: Sight, now: datetime) -> Observed:
    cluster = sight.cluster
    hosts = {broker.id: broker.host for broker in sight.instance.brokers if broker.host}
    return Observed(
        at=now,
        faults=sight.faults,
        controller=cluster.controller if cluster else None,
        topics=len(cluster.user_topics) if cluster else None,
        partitions=len(cluster.partitions) if cluster else None,
        disks={
            number: Disk(host.disk_total_bytes, host.disk_used_bytes)
            for number, host in hosts.items()
        },
        certificates=certificate_ends(secrets, sight.instance),
    )
