"""What Kafka itself says of a cluster, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PROBE_TOPIC = "__fleet_probe"


@dataclass(frozen=True)
class Partition:
    """One partition: `leader` is None when it has none."""

    topic: str
    number: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]

    @property
    def preferred_leader(self) -> int:
        """The first replica."""
        return self.replicas[0]

    @property
    def under_replicated(self) -> bool:
        """Whether a replica is missing from the in-sync set."""
        return len(self.in_sync) < len(self.replicas)


@dataclass(frozen=True)
class Cluster:
    """Metadata of a cluster as its controller side sees it."""

    brokers: tuple[int, ...] = ()
    controller: int | None = None
    partitions: tuple[Partition, ...] = ()

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic, sorted; internal ones too."""
        return tuple(sorted({partition.topic for partition in self.partitions}))

    @property
    def user_topics(self) -> tuple[str, ...]:
        """Topics that are not Kafka's or the product's own (a leading `__`)."""
        return tuple(topic for topic in self.topics if not topic.startswith("__"))


@dataclass(frozen=True)
class NewTopic:
    """A topic to make: `assignment` is partition -> replicas, the first one preferred."""

    name: str
    assignment: Mapping[int, tuple[int, ...]]
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Permission:
    """One entry of an access control list; `host` is an address or `*`."""

    principal: str
    operation: str
    host: str = "*"


@dataclass(frozen=True)
class ZNode:
    """A node under the chroot of an instance; anyone logged in may read a `public` one."""

    path: str
    data: str = ""
    public: bool = False


@dataclass(frozen=True)
class RoundTrip:
    """Messages that went through a client listener and came back, in order."""

    sent: int
    received: int
    seconds_to_first_ack: float
