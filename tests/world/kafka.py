"""ZooKeeper and Kafka of the fake world: they live on its machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flows.domain.cluster import (
    Cluster,
    ClusterState,
    NewTopic,
    Partition,
    Permission,
    RoundTrip,
    ZNode,
)
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, UnitState
from tests.world.effects import Effects, Fake, changes
from tests.world.machines import FakeHost, FakeProvider

LISTS_NEEDED = ("/kafka-acl/Cluster/kafka-cluster", "/kafka-acl/Topic/__consumer_offsets")


@dataclass
class FakeCluster:
    """Topics, permissions and moved leaders of one instance; `loses` messages never come back.

    `altered` is broker -> what it was told at run time.
    """

    topics: dict[str, NewTopic] = field(default_factory=dict)
    granted: dict[str, Sequence[Permission]] = field(default_factory=dict)
    leaders: dict[tuple[str, int], int] = field(default_factory=dict)
    reassigning: set[str] = field(default_factory=set)
    altered: dict[int, dict[str, str]] = field(default_factory=dict)
    altered: dict[int, dict[str, str]] = field(default_factory=dict)
    loses: int = 0


class FakeZooKeeper(Fake):
    """Implements `ZooKeeper`: it serves while a majority of its nodes runs."""

    def __init__(self, effects: Effects, provider: FakeProvider) -> None:
        self.effects = effects
        self._hosts = provider.hosts
        self.nodes: dict[str, dict[str, ZNode]] = {}
        self.clusters: defaultdict[str, FakeCluster] = defaultdict(FakeCluster)

    def serving(self, instance: Instance) -> tuple[int, ...]:
        """The nodes that run."""
        return tuple(
            host.machine.broker
            for host in hosts_of(self._hosts, instance)
            if host.running and host.zookeeper is UnitState.ACTIVE
        )

    def write(self, instance: Instance, nodes: Sequence[ZNode]) -> int:
        """One effect for each node that differs."""
        self._demand_quorum(instance)
        present = self.nodes.setdefault(instance.id, {})
        self._demand_parents(present, nodes)
        due = [node for node in nodes if present.get(node.path) != node]
        for node in due:
            self._write(instance, node)
        return len(due)

    @changes
    def announce(self, instance: Instance, change: str) -> None:
        """Brokers would read it again."""
        self._demand_quorum(instance)

    def registrations(self, instance: Instance) -> Mapping[int, int]:
        """Every broker that runs."""
        self._demand_quorum(instance)
        return {
            host.machine.broker: host.kafka_starts
            for host in hosts_of(self._hosts, instance)
            if host.running and host.kafka is UnitState.ACTIVE
        }

    def state(self, instance: Instance) -> ClusterState:
        """Registrations and partitions; the first broker that runs controls."""
        alive = sorted(self.registrations(instance))
        cluster = self.clusters[instance.id]
        return ClusterState(
            registrations=self.registrations(instance),
            controller=alive[0] if alive else None,
            partitions=tuple(_partitions(cluster, alive)),
            reassigning=tuple(cluster.reassigning),
            topic_configs={name: dict(topic.config) for name, topic in cluster.topics.items()},
        )

    @changes
    def _write(self, instance: Instance, node: ZNode) -> None:
        self.nodes[instance.id][node.path] = node

    def _demand_parents(self, present: Mapping[str, ZNode], nodes: Sequence[ZNode]) -> None:
        known = {"", *present, *(node.path for node in nodes)}
        for node in nodes:
            if node.path.rpartition("/")[0] not in known:
                raise EffectFailed(f"ZooKeeper: {node.path} has no parent")

    def _demand_quorum(self, instance: Instance) -> None:
        if len(self.serving(instance)) < 2:
            raise EffectFailed(f"ZooKeeper of {instance.name} has no quorum")


class FakeKafka(Fake):
    """Implements `Kafka`: topics and permissions in memory, brokers on the machines."""

    def __init__(self, effects: Effects, zookeeper: FakeZooKeeper) -> None:
        self.effects = effects
        self._zookeeper = zookeeper
        self.clusters = zookeeper.clusters

    def cluster(self, instance: Instance) -> Cluster:
        """Metadata: replicas on brokers that run are in sync."""
        alive = self._alive(instance)
        partitions = _partitions(self.clusters[instance.id], alive)
        return Cluster(tuple(alive), alive[0], tuple(partitions))

    def cluster_as_seen_by(self, instance: Instance, broker: int) -> Cluster:
        """The same, if this broker runs."""
        if broker not in self._alive(instance):
            raise EffectFailed(f"broker {broker} does not answer")
        return self.cluster(instance)

    def create_topic(self, instance: Instance, topic: NewTopic) -> bool:
        """The topic exists; an effect only when it did not."""
        self._alive(instance)
        if topic.name in self.clusters[instance.id].topics:
            return False
        self._create(instance, topic)
        return True

    def topics_with_permissions(self, instance: Instance) -> frozenset[str]:
        """Those granted live, and those written to ZooKeeper before the start."""
        written = [
            path.removeprefix("/kafka-acl/Topic/")
            for path in self._zookeeper.nodes.get(instance.id, {})
            if path.startswith("/kafka-acl/Topic/")
        ]
        return frozenset([*self.clusters[instance.id].granted, *written])

    @changes
    def grant(self, instance: Instance, topic: str, permissions: Sequence[Permission]) -> None:
        """The topic has these permissions too."""
        self._alive(instance)
        granted = self.clusters[instance.id].granted
        if permissions:
            granted[topic] = (*granted.get(topic, ()), *permissions)

    @changes
    def elect_preferred(self, instance: Instance, partitions: Sequence[tuple[str, int]]) -> None:
        """Preferred replicas lead."""
        self._alive(instance)
        cluster = self.clusters[instance.id]
        for topic, number in partitions:
            if topic not in cluster.topics:
                raise EffectFailed(f"Kafka of {instance.name}: electing preferred leaders failed")
            cluster.leaders.pop((topic, number), None)

    @changes
    def alter_broker(self, instance: Instance, broker: int, values: Mapping[str, str]) -> None:
        """The broker has these values too, until it stops."""
        if broker not in self._alive(instance):
            raise EffectFailed(f"Kafka of {instance.name}: altering broker {broker} failed")
        self.clusters[instance.id].altered.setdefault(broker, {}).update(values)

    @changes
    def alter_broker(self, instance: Instance, broker: int, values: Mapping[str, str]) -> None:
        """The broker has these values too, until it stops."""
        if values and broker not in self._alive(instance):
            raise EffectFailed(f"Kafka of {instance.name}: altering broker {broker} failed")
        self.clusters[instance.id].altered.setdefault(broker, {}).update(values)

    @changes
    def round_trip(self, instance: Instance, topic: str, messages: int) -> RoundTrip:
        """All messages come back, but for those that the test loses."""
        cluster = self.clusters[instance.id]
        if topic not in cluster.topics:
            raise EffectFailed(f"Kafka of {instance.name}: there is no topic {topic}")
        if len(self._alive(instance)) < len(instance.brokers):
            raise EffectFailed("not every broker answers")
        sent = len(cluster.topics[topic].assignment) * messages
        return RoundTrip(sent, sent - cluster.loses, 0.5)

    @changes
    def _create(self, instance: Instance, topic: NewTopic) -> None:
        self.clusters[instance.id].topics[topic.name] = topic

    def _alive(self, instance: Instance) -> list[int]:
        written = self._zookeeper.nodes.get(instance.id, {})
        alive = sorted(self._zookeeper.registrations(instance))
        if not alive:
            raise EffectFailed("no broker answers")
        if any(path not in written for path in LISTS_NEEDED):
            raise AssertionError("a broker runs before its permissions were written")
        return alive


def _partitions(cluster: FakeCluster, alive: Sequence[int]) -> Iterator[Partition]:
    for topic in cluster.topics.values():
        for number, replicas in topic.assignment.items():
            wished = [cluster.leaders.get((topic.name, number), replicas[0]), *replicas]
            leader = next((broker for broker in wished if broker in alive), None)
            in_sync = tuple(broker for broker in replicas if broker in alive)
            yield Partition(topic.name, number, leader, replicas, in_sync)


def hosts_of(hosts: Mapping[str, FakeHost], instance: Instance) -> list[FakeHost]:
    """The machines of one instance."""
    prefix = f"{instance.id}-"
    return [host for name, host in hosts.items() if name.startswith(prefix)]
