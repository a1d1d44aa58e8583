"""Rules on what was observed: None when we may go on, else the reason as a sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from flows.domain.cluster import PROBE_TOPIC, Cluster, ClusterState, Partition
from flows.domain.instance import ENSEMBLE

MUTED_AT_MOST = 400
"""Partitions of a broker, all that it has a replica of, that may wait while it is muted."""


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


def out_of_sync(cluster: Cluster | ClusterState) -> str | None:
    """Whether every partition has a leader and all its replicas in sync."""
    leaderless = [part for part in cluster.partitions if part.leader is None]
    if leaderless:
        return f"{len(leaderless)} partitions have no leader, among them {_named(leaderless[0])}"
    behind = [part for part in cluster.partitions if part.under_replicated]
    if behind:
        return f"{len(behind)} partitions are under-replicated, among them {_named(behind[0])}"
    return None


def quorum_at_risk(serving: Collection[int]) -> str | None:
    """Whether ZooKeeper keeps its majority when one more of its nodes goes."""
    if len(serving) - 1 > ENSEMBLE // 2:
        return None
    return quorum_missing(serving)


def quorum_lost(serving: Collection[int]) -> str | None:
    """Whether ZooKeeper has a majority; brokers alone may restart as long as it has."""
    return None if len(serving) > ENSEMBLE // 2 else quorum_missing(serving)


def reassignment_running(state: ClusterState) -> str | None:
    """Whether replicas are being moved: a restart in between would slow that down for hours."""
    if not state.reassigning:
        return None
    return f"a reassignment is running, of {_listed(state.reassigning)}"


def others_out_of_sync(broker: int, state: ClusterState) -> str | None:
    """Whether every partition has a leader and, but for this broker, all its replicas in sync.

    A broker that lags itself may stop: it is missed already.
    """
    leaderless = [part for part in state.partitions if _is_offline(part, broker)]
    if leaderless:
        return f"without a leader: {_partitions(leaderless)}"
    behind = [part for part in state.partitions if _missing(part) - {broker}]
    if behind:
        return f"under-replicated: {_partitions(behind)}"
    return None


def would_lose(broker: int, state: ClusterState) -> tuple[Partition, ...]:
    """Partitions that lose their last replica, or acks=all, while the broker is away."""
    return tuple(
        part
        for part in state.partitions
        if broker in part.in_sync and len(part.in_sync) - 1 < max(1, state.min_in_sync(part))
    )


def cannot_be_spared(partition: Partition, state: ClusterState) -> bool:
    """Whether a partition loses availability, or acks=all, whichever of its brokers goes."""
    return len(partition.replicas) - 1 < max(1, state.min_in_sync(partition))


def too_few_left(broker: int, state: ClusterState, *, accepted: bool) -> str | None:
    """Whether every partition keeps enough replicas in sync when the broker goes.

    Those that can never be spared count unless they were accepted; nobody waits for internal ones.
    A broker that is gone already takes nothing away, even where it was the last one in sync.
    """
    if broker not in state.registrations:
        return None
    lost = [
        part
        for part in would_lose(broker, state)
        if not cannot_be_spared(part, state) or not (accepted or part.topic.startswith("__"))
    ]
    return f"too few replicas would be left in sync of {_partitions(lost)}" if lost else None


def absent_from(broker: int, state: ClusterState) -> tuple[Partition, ...]:
    """Partitions with a replica on the broker that is not in sync."""
    return tuple(part for part in state.partitions if broker in _missing(part))


def not_registered(broker: int, before: int | None, registrations: Mapping[int, int]) -> str | None:
    """Whether the broker has a new registration, another one than `before`."""
    present = registrations.get(broker)
    if present is None:
        return f"broker {broker} has not registered itself"
    return f"broker {broker} is still listed by its old registration" if present == before else None


def not_back(broker: int, before: int | None, state: ClusterState) -> str | None:
    """Whether the broker has registered anew and is in every in-sync set."""
    missing = not_registered(broker, before, state.registrations)
    if missing:
        return missing
    return not_in_sync(broker, state)


def not_in_sync(broker: int, state: ClusterState) -> str | None:
    """Whether the broker is in every in-sync set that it should be in."""
    behind = absent_from(broker, state)
    return f"broker {broker} is not in sync yet: {_partitions(behind)}" if behind else None


def unknown_to_broker(broker: int, seen: Cluster, state: ClusterState) -> str | None:
    """Whether a broker's own metadata holds every broker and partition that there is.

    A client that asks a broker which knows nothing yet believes that its topics are gone.
    """
    missing = unknown_to_metadata(state.registrations, seen)
    if missing:
        return f"broker {broker}: {missing}"
    known = {part.name for part in seen.partitions}
    unknown = [part for part in state.partitions if part.name not in known]
    return f"broker {broker} does not know {_partitions(unknown)}" if unknown else None


def is_left_out(broker: int, state: ClusterState) -> bool:
    """Whether a broker that is registered is in sync with nobody, though it has replicas.

    So is one that was taken out to stop and did not: it gets nothing to do until it starts anew.
    """
    held = [part for part in state.partitions if broker in part.replicas]
    shared = [part for part in held if len(part.replicas) > 1]
    registered = broker in state.registrations
    return registered and bool(shared) and not any(broker in part.in_sync for part in shared)


def preferred_of(broker: int, state: ClusterState) -> tuple[Partition, ...]:
    """Partitions that the broker should lead, could lead, and does not."""
    return tuple(
        part
        for part in state.partitions
        if part.preferred_leader == broker and part.leader != broker and broker in part.in_sync
    )


def portions_to_lead(
    partitions: Iterable[Partition], most: int
) -> tuple[tuple[Partition, ...], ...]:
    """In which order they get their leader, and which together: at most so many at once.

    Whoever writes to one waits for all of its portion, so users' partitions come first and share
    none with Kafka's own, to which mostly nobody writes.
    """
    found = tuple(partitions)
    kinds = ([part for part in found if is_kafkas_own(part) is own] for own in (False, True))
    return tuple(
        tuple(each[first : first + most]) for each in kinds for first in range(0, len(each), most)
    )


def is_users(partition: Partition) -> bool:
    """Whether it belongs to neither Kafka nor the product."""
    return not partition.topic.startswith("__")


def is_kafkas_own(partition: Partition) -> bool:
    """Whether it belongs to a topic that Kafka made for itself; the probe's is as a user's."""
    return partition.topic.startswith("__") and partition.topic != PROBE_TOPIC


def not_leading(broker: int, state: ClusterState) -> str | None:
    """Whether the broker leads what it should."""
    waiting = [
        part
        for part in state.partitions
        if part.preferred_leader == broker and part.leader != broker
    ]
    return f"broker {broker} does not lead yet: {_partitions(waiting)}" if waiting else None


def still_needed(broker: int, state: ClusterState) -> str | None:
    """Whether the broker leads something or counts as in sync, so that its end would be felt."""
    found = [part for part in state.partitions if broker in part.in_sync and len(part.in_sync) > 1]
    led = [part for part in found if part.leader == broker]
    if led:
        return f"broker {broker} still leads {_partitions(led)}"
    return f"broker {broker} is still in sync: {_partitions(found)}" if found else None


def leaves_as_it_stops(broker: int, state: ClusterState) -> bool:
    """Whether the broker has so many partitions that all would wait too long while it is muted.

    Its own ControlledShutdown is sent with nothing muted: each partition waits only while its turn
    comes. That a leader takes it back then was not seen with hundreds of partitions.
    """
    return sum(broker in part.replicas for part in state.partitions) > MUTED_AT_MOST


def _is_offline(partition: Partition, broker: int) -> bool:
    # What only the broker itself could lead comes back with it.
    return partition.leader is None and partition.in_sync != (broker,)


def _missing(partition: Partition) -> set[int]:
    return set(partition.replicas) - set(partition.in_sync)


NAMED_AT_MOST = 5


def _partitions(found: Sequence[Partition]) -> str:
    return _listed([part.name for part in found])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED_AT_MOST])
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown


def _named(partition: Partition) -> str:
    return partition.name


def _sentence(words: str, missing: list[int]) -> str | None:
    return f"{words} {', '.join(str(number) for number in missing)}" if missing else None
