"""A broker with many partitions comes back into the in-sync sets in portions.

A leader writes one in-sync set after the other to ZooKeeper within one fetch of the follower, some
milliseconds each, and from the first of them on every acks=all waits for that follower, which gets
its answer after the last one. With hundreds of partitions a leader that is seconds.

That is worst for what is written to, which waits for all that is not: a broker has more than a
dozen partitions of Kafka's own topics alone.

A replica that gets no data does not catch up, so it is not taken in: each leader is told to send
next to nothing to it (KIP-73) until its portion's turn comes. Only replicas that are out of sync
are held back by that; the other followers fetch as ever.

A leader that holds back looks at each such partition again for every message that it gets, which
with hundreds of them takes all its cores. So the broker is told to hold back too: it does not even
ask for what is not its turn, once it has had more than next to nothing. That is what the probe
writes, in a partition of the same list which is in sync already and so is not held back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from flows.domain.cluster import PROBE_TOPIC, ClusterState, Partition
from flows.domain.gates import absent_from, is_users
from flows.domain.reassignment.throttle import (
    FETCHING,
    NEXT_TO_NOTHING,
    SENDING,
    TOPIC_KEYS,
)

PORTION = 100
FEW = 100
"""Users' partitions that come back all at once: holding them back costs more than it saves."""

Settings = Mapping[str, Mapping[str, str | None]]


def portions_to_join(broker: int, state: ClusterState) -> tuple[tuple[Partition, ...], ...]:
    """In which order a broker that is away comes back into what users write to.

    Kafka's own partitions are not held back: they come first, and mostly nobody writes to them.
    The product's own come next, alone: the first messages that a broker copies after its start it
    copies slowly, and these are nobody's but ours.
    """
    away = [part for part in absent_from(broker, state) if part.leader not in {None, broker}]
    ours = tuple(part for part in away if part.topic == PROBE_TOPIC)
    users = sorted(filter(is_users, away), key=lambda part: (part.topic, part.number))
    if len(users) <= FEW:
        return ()
    return (
        *((ours,) if ours else ()),
        *(tuple(users[first : first + PORTION]) for first in range(0, len(users), PORTION)),
    )


def held_back(broker: int, portions: Sequence[Sequence[Partition]]) -> Settings:
    """What holds all of them back: lists per topic, a rate for each who sends; lists before these.

    The broker's own rate comes first: it tells whoever finds a list that nothing is copied by it.
    """
    partitions = [part for portion in portions for part in portion]
    leaders = sorted({part.leader for part in partitions if part.leader is not None})
    rates: Settings = {
        f"brokers/{leader}": {f"{SENDING}.rate": NEXT_TO_NOTHING} for leader in leaders
    }
    own: Settings = {f"brokers/{broker}": {f"{FETCHING}.rate": NEXT_TO_NOTHING}}
    return {**own, **_lists(broker, partitions), **rates}


def released(
    broker: int,
    portion: Sequence[Partition],
    later: Sequence[Sequence[Partition]],
    there: Collection[str],
) -> Settings:
    """What lets this portion come while the later ones still wait, of topics that are there."""
    topics = {part.topic for part in portion if part.topic in there}
    left = [part for each in later for part in each if part.topic in topics]
    ended: Settings = {f"topics/{topic}": dict.fromkeys(TOPIC_KEYS) for topic in topics}
    return {**ended, **_lists(broker, left)}


def counted(broker: int, portion: Sequence[Partition]) -> Settings:
    """What makes the broker ask for less: what it fetches of the product's own counts as well.

    Not before it is in sync there: until then it would hold itself back from just that.
    """
    ours = [f"{part.number}:{broker}" for part in portion if part.topic == PROBE_TOPIC]
    return {f"topics/{PROBE_TOPIC}": {f"{FETCHING}.replicas": ",".join(ours)}} if ours else {}


def not_held_back(
    broker: int, portions: Iterable[Iterable[Partition]], state: ClusterState
) -> tuple[Partition, ...]:
    """Where the broker is out of sync, and no portion holds it back."""
    later = {part.name for portion in portions for part in portion}
    return tuple(part for part in absent_from(broker, state) if part.name not in later)


def out_of(broker: int, partitions: Iterable[Partition]) -> tuple[Partition, ...]:
    """Those of the partitions in whose in-sync set the broker is missing."""
    return tuple(part for part in partitions if broker not in part.in_sync)


def still_out(broker: int, out: Sequence[Partition]) -> str | None:
    """Whether the broker is missing from an in-sync set, of these partitions."""
    words = f"{len(out)} partitions, among them {out[0].name}" if out else ""
    return f"broker {broker} is not in sync yet: {words}" if out else None


def _lists(broker: int, partitions: Iterable[Partition]) -> Settings:
    found: defaultdict[str, list[Partition]] = defaultdict(list)
    for part in partitions:
        found[part.topic].append(part)
    return {
        f"topics/{topic}": {
            f"{SENDING}.replicas": ",".join(f"{part.number}:{part.leader}" for part in each),
            f"{FETCHING}.replicas": ",".join(f"{part.number}:{broker}" for part in each),
        }
        for topic, each in found.items()
    }
