"""Replication throttles: who is held back, where it is written, how fast is fast enough.

Only replicas that move are held back (KIP-73): a topic lists those that send and those that fetch,
a broker has one rate for each. A rate below what is produced to the partitions never ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flows.domain.cluster import ClusterState, Partition
from flows.domain.reassignment.assignment import Move, PartitionName
from flows.domain.reassignment.portions import Sizes

SENDING, FETCHING = "leader.replication.throttled", "follower.replication.throttled"
TOPIC_KEYS = (f"{SENDING}.replicas", f"{FETCHING}.replicas")
BROKER_KEYS = (f"{SENDING}.rate", f"{FETCHING}.rate")
NEXT_TO_NOTHING = "1"
"""Bytes per second under which nothing is copied: 0 would never count as exceeded."""

Settings = Mapping[str, Mapping[str, str]]
"""Entity as ZooKeeper names it below `/config` (`topics/orders`, `brokers/1`) -> its values."""


@dataclass(frozen=True)
class Throttle:
    """Replicas (topic -> `partition:broker`) that send and that fetch at most at a rate."""

    bytes_per_second: int
    sending: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fetching: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def brokers(self) -> tuple[int, ...]:
        """Every broker that sends or fetches."""
        lists = (*self.sending.values(), *self.fetching.values())
        return tuple(sorted({int(each.split(":")[1]) for found in lists for each in found}))

    @property
    def settings(self) -> Settings:
        """What is written where; topics first, so that no rate holds back what is not listed."""
        topics = {
            f"topics/{topic}": {
                TOPIC_KEYS[0]: ",".join(self.sending.get(topic, ())),
                TOPIC_KEYS[1]: ",".join(self.fetching.get(topic, ())),
            }
            for topic in sorted({*self.sending, *self.fetching})
        }
        rates = dict.fromkeys(BROKER_KEYS, str(self.bytes_per_second))
        return {**topics, **{f"brokers/{broker}": rates for broker in self.brokers}}


def throttle_of(moves: Iterable[Move], bytes_per_second: int) -> Throttle:
    """The throttle under which these moves copy: old replicas send, new ones fetch."""
    lists = ((move.partition, move.before, move.arriving) for move in moves if move.arriving)
    return _throttle(lists, bytes_per_second)


def refill_throttle(
    partitions: Iterable[Partition], broker: int, bytes_per_second: int
) -> Throttle:
    """The throttle under which a broker that lost its disk gets its replicas back."""
    lists = (
        ((each.topic, each.number), tuple(b for b in each.replicas if b != broker), (broker,))
        for each in partitions
        if broker in each.replicas and len(each.replicas) > 1
    )
    return _throttle(lists, bytes_per_second)


def _throttle(
    lists: Iterable[tuple[PartitionName, tuple[int, ...], tuple[int, ...]]], bytes_per_second: int
) -> Throttle:
    sending: defaultdict[str, list[str]] = defaultdict(list)
    fetching: defaultdict[str, list[str]] = defaultdict(list)
    for (topic, number), senders, fetchers in lists:
        sending[topic] += [f"{number}:{broker}" for broker in senders]
        fetching[topic] += [f"{number}:{broker}" for broker in fetchers]
    return Throttle(
        bytes_per_second,
        {topic: tuple(each) for topic, each in sending.items()},
        {topic: tuple(each) for topic, each in fetching.items()},
    )


def left_over(state: ClusterState) -> dict[str, tuple[str, ...]]:
    """Entities that hold throttles, with the keys: what is to be removed when nothing moves."""
    topics = {f"topics/{name}": config for name, config in state.topic_configs.items()}
    brokers = {f"brokers/{name}": config for name, config in state.broker_configs.items()}
    found = {
        entity: tuple(key for key in (*TOPIC_KEYS, *BROKER_KEYS) if key in config)
        for entity, config in {**topics, **brokers}.items()
    }
    return {entity: keys for entity, keys in found.items() if keys}


def copying(state: ClusterState) -> bool:
    """Whether a replica is still copied under a throttle: listed, on a broker that runs, not in
    sync. No reassignment says so while a broker that lost its disk gets its replicas back. One that
    is held back copies nothing.
    """
    held_back = {
        name
        for name, config in state.broker_configs.items()
        if config.get(BROKER_KEYS[1]) == NEXT_TO_NOTHING
    }
    behind = {
        (part.topic, part.number): set(part.replicas) - set(part.in_sync)
        for part in state.partitions
    }
    return any(
        broker in state.registrations
        and broker in behind.get((topic, number), ())
        and str(broker) not in held_back
        for topic, config in state.topic_configs.items()
        for number, broker in _listed(config.get(TOPIC_KEYS[1], ""))
    )


def _listed(replicas: str) -> Iterator[tuple[int, int]]:
    """`0:1,1:3` as partition and broker; `*`, which is not ours, names none."""
    for each in replicas.split(","):
        number, colon, broker = each.partition(":")
        if colon and number.isdigit() and broker.isdigit():
            yield int(number), int(broker)


def left_behind(state: ClusterState) -> bool:
    """Whether a reassignment that was cut off is still to be waited for and tidied up.

    A plan has a step for it even when nothing more is to move, so that the next run sees to it.
    """
    return bool(state.reassigning or left_over(state))


@dataclass(frozen=True)
class Bandwidth:
    """Bytes per second that a broker needs, for what it sends as leader and what it fetches."""

    broker: int
    sending: float
    fetching: float


@dataclass(frozen=True)
class Load:
    """What there is to copy and what comes in meanwhile.

    `leaders` is partition -> the broker that leads it, `produced` partition -> bytes per second.
    """

    leaders: Mapping[PartitionName, int]
    sizes: Sizes
    produced: Mapping[PartitionName, float] = field(default_factory=dict)


def bandwidths(moves: Iterable[Move], load: Load, seconds: float) -> tuple[Bandwidth, ...]:
    """What each broker needs so that the moves end within so many seconds (guide, section 8.6).

    A new replica fetches the partition and all that is produced meanwhile; replicas that stay
    fetch what is produced, which the throttle counts too. The guide leaves the production out of
    what a new replica fetches; it is counted here, since Kafka does.
    """
    sending: defaultdict[int, float] = defaultdict(float)
    fetching: defaultdict[int, float] = defaultdict(float)
    for move in moves:
        leader = load.leaders[move.partition]
        produced = load.produced.get(move.partition, 0.0)
        copied = load.sizes.get(move.partition, 0) / seconds + produced
        staying = [broker for broker in move.before if broker != leader]
        sending[leader] += copied * len(move.arriving) + produced * len(staying)
        for broker in move.arriving:
            fetching[broker] += copied
        for broker in staying:
            fetching[broker] += produced
    brokers = sorted({*sending, *fetching})
    return tuple(Bandwidth(broker, sending[broker], fetching[broker]) for broker in brokers)


def fast_enough(needed: Iterable[Bandwidth]) -> float:
    """The lowest throttle, in bytes per second, that gives every broker what it needs."""
    return max((max(each.sending, each.fetching) for each in needed), default=0.0)
