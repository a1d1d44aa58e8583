"""Rules on what was observed: None when we may go on, else the reason as a sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flows.domain.cluster import Cluster, Partition
from flows.domain.instance import ENSEMBLE


def quorum_missing(serving: Collection[int]) -> str | None:
    """Whether ZooKeeper has all its nodes; at creation a majority is not enough."""
    missing = sorted(set(range(1, ENSEMBLE + 1)) - set(serving))
    return _sentence("ZooKeeper does not serve yet on broker", missing)


def unregistered(expected: Iterable[int], registered: Collection[int]) -> str | None:
    """Whether every broker has registered itself."""
    missing = sorted(set(expected) - set(registered))
    return _sentence("not registered in ZooKeeper: broker", missing)


def unknown_to_metadata(expected: Iterable[int], cluster: Cluster) -> str | None:
    """Whether the cluster's metadata holds every broker and a controller."""
    if cluster.controller is None:
        return "no controller has been elected yet"
    return _sentence(
        "missing in the metadata: broker", sorted(set(expected) - set(cluster.brokers))
    )


def out_of_sync(cluster: Cluster) -> str | None:
    """Whether every partition has a leader and all its replicas in sync."""
    leaderless = [part for part in cluster.partitions if part.leader is None]
    if leaderless:
        return f"{len(leaderless)} partitions have no leader, among them {_named(leaderless[0])}"
    behind = [part for part in cluster.partitions if part.under_replicated]
    if behind:
        return f"{len(behind)} partitions are under-replicated, among them {_named(behind[0])}"
    return None


def _named(partition: Partition) -> str:
    return f"{partition.topic}-{partition.number}"


def _sentence(words: str, missing: list[int]) -> str | None:
    return f"{words} {', '.join(str(number) for number in missing)}" if missing else None
