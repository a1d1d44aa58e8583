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
    def name(self) -> str:
        """`topic-number`, as Kafka calls it."""
        return f"{self.topic}-{self.number}"

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
class Raised:
    """A partition that has more replicas for a while: `before` is what is to be put back."""

    topic: str
    number: int
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True)
class ClusterState:
    """A cluster as ZooKeeper holds it: the truth that metadata follows some moments later.

    `registrations` is broker -> czxid of its registration; `reassigning` names partitions whose
    replicas are being moved; `topic_configs` and `broker_configs` are what was set at run time,
    by topic and by broker id or `<default>`; `raised` what a roll gave more replicas and has not
    put back yet; `told` is broker -> listener -> `host:port` that it tells clients.
    """

    registrations: Mapping[int, int] = field(default_factory=dict)
    controller: int | None = None
    partitions: tuple[Partition, ...] = ()
    reassigning: tuple[str, ...] = ()
    topic_configs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    broker_configs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    raised: tuple[Raised, ...] = ()
    told: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    def setting(self, partition: Partition, key: str, otherwise: str) -> str:
        """What holds for a partition: its topic's value, its leader's, everybody's, or the last."""
        leader = str(partition.leader or partition.preferred_leader)
        layers = (
            self.topic_configs.get(partition.topic, {}),
            self.broker_configs.get(leader, {}),
            self.broker_configs.get("<default>", {}),
        )
        return next((layer[key] for layer in layers if key in layer), otherwise)

    def min_in_sync(self, partition: Partition) -> int:
        """How many replicas must be in sync for a write with acks=all."""
        return int(self.setting(partition, "min.insync.replicas", "1"))


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
class Login:
    """A user with a password, by one SASL mechanism."""

    user: str
    password: str = field(repr=False)
    mechanism: str


@dataclass(frozen=True)
class Replica:
    """One copy of a partition on the disk of a broker; `bytes` is what its segments take."""

    topic: str
    partition: int
    broker: int
    bytes: int


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
