"""`fleet disk`: how full the brokers' data disks are, and which topics fill them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from flows.adapters.records.observed import Disk, Observed
from flows.adapters.site import Doors
from flows.domain.disk_usage import Selection, bytes_on_brokers, largest_topics
from flows.domain.errors import EffectFailed
from flows.queries.lookup import living, placed


class BrokerDiskView(TypedDict):
    """The data disk of a broker at the last sweep, and what its replicas take now.

    What is not known is None: a disk that nobody has looked at, replicas of a silent broker.
    """

    broker: int
    total_bytes: int | None
    used_bytes: int | None
    used_percent: float | None
    replica_bytes: int | None


class TopicDiskView(TypedDict):
    """What all replicas of a topic take; the percentage is of all data disks together."""

    topic: str
    partitions: int
    replicas: int
    bytes: int
    percent: float | None


class DiskView(TypedDict):
    """The answer of `fleet disk NAME --json`; `more` topics would have fitted the selection."""

    instance: str
    observed: str | None
    brokers: list[BrokerDiskView]
    topics: list[TopicDiskView]
    more: int
    silent_brokers: list[int]


def disk(doors: Doors, name: str, selection: Selection) -> DiskView:
    """Disks from the last sweep, topics from Kafka as it is now."""
    row, instance = living(doors.records, name), placed(doors.records, name)
    if any(broker.machine is None for broker in instance.brokers):
        raise EffectFailed(f"instance {row.wish.name}: it has no machines yet ({row.status})")
    seen = Observed.read(row.observed)
    replicas = doors.kafka.replicas(instance)
    taken = bytes_on_brokers(replicas)
    brokers = [broker.id for broker in instance.brokers]
    disk_bytes = _all_disks(seen.disks, brokers)
    if selection.above_percent and not disk_bytes:
        raise EffectFailed(
            f"instance {row.wish.name}: above_percent needs the size of every data disk, and not "
            "all brokers were seen at the last sweep; above and top need none"
        )
    topics, more = largest_topics(replicas, disk_bytes, selection)
    return DiskView(
        instance=row.wish.name,
        observed=seen.at.isoformat() if seen.at else None,
        brokers=[_broker(number, seen.disks.get(number), taken.get(number)) for number in brokers],
        topics=[
            TopicDiskView(
                topic=each.topic,
                partitions=each.partitions,
                replicas=each.replicas,
                bytes=each.bytes,
                percent=None if each.percent is None else round(each.percent, 3),
            )
            for each in topics
        ],
        more=more,
        silent_brokers=[number for number in brokers if number not in taken],
    )


def _all_disks(disks: Mapping[int, Disk], brokers: list[int]) -> int | None:
    if any(number not in disks for number in brokers):
        return None
    return sum(disks[number].total_bytes for number in brokers)


def _broker(number: int, found: Disk | None, taken: int | None) -> BrokerDiskView:
    known = found if found and found.total_bytes else None
    return BrokerDiskView(
        broker=number,
        total_bytes=known.total_bytes if known else None,
        used_bytes=known.used_bytes if known else None,
        used_percent=round(100 * known.used_bytes / known.total_bytes, 1) if known else None,
        replica_bytes=taken,
    )
