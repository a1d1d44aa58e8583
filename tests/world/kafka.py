"""ZooKeeper and Kafka of the fake world: they live on its machines."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache

from flows.domain import paths
from flows.domain.cluster import (
    Cluster,
    ClusterState,
    Login,
    NewTopic,
    Partition,
    Permission,
    Raised,
    Replica,
    RoundTrip,
    ZNode,
)
from flows.domain.errors import EffectFailed
from flows.domain.instance import Broker, Instance, UnitState
from flows.domain.listeners import Listener, ListenerName, Protocol
from flows.domain.permissions import user_path
from flows.domain.raising import RAISED_PATH, read_raised
from flows.domain.reassignment import PartitionName
from flows.domain.reassignment.throttle import NEXT_TO_NOTHING, SENDING
from flows.domain.scram import plain_line, scram_value
from flows.domain.versions import Through
from tests.world.effects import Effects, Fake, changes
from tests.world.keystores import check_names, read_again
from tests.world.listeners import check_change, protocols, told
from tests.world.machines import FakeHost, FakeProvider

LISTENED_AT = (9090, 9091, 9092, 9093, 9094, 9095, 9011)
LISTS_NEEDED = ("/kafka-acl/Cluster/kafka-cluster", "/kafka-acl/Topic/__consumer_offsets")


@dataclass
class FakeCluster:
    """Topics, permissions and moved leaders of one instance; `loses` messages never come back.

    `altered` is broker -> what it was told at run time. `moves` is partition -> the replicas that
    it is moving to, which takes `patience` looks.
    """

    topics: dict[str, NewTopic] = field(default_factory=dict)
    granted: dict[str, Sequence[Permission]] = field(default_factory=dict)
    leaders: dict[tuple[str, int], int] = field(default_factory=dict)
    reassigning: set[str] = field(default_factory=set)
    left: dict[int, int] = field(default_factory=dict)
    """Broker -> the registration with which it was taken out of every in-sync set."""
    altered: dict[int, dict[str, str]] = field(default_factory=dict)
    loses: int = 0
    moves: dict[PartitionName, tuple[int, ...]] = field(default_factory=dict)
    patience: int = 2
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    had: dict[PartitionName, Collection[int]] = field(default_factory=dict)
    """Partition -> who was in sync when it was looked at last."""

    @property
    def moving(self) -> tuple[str, ...]:
        """The names of what moves."""
        moves = {f"{topic}-{number}" for topic, number in self.moves}
        return tuple(sorted({*self.reassigning, *moves}))

    def in_sync(self, registrations: Mapping[int, int]) -> list[int]:
        """The brokers that run, but for those that were taken out and did not register anew."""
        found = sorted(registrations)
        return [broker for broker in found if self.left.get(broker) != registrations[broker]]

    def caught_up(
        self, partition: PartitionName, leader: int | None, alive: Collection[int]
    ) -> Collection[int]:
        """Who has all of it: not who was away, comes back, and gets next to nothing to fetch."""
        listed = self.topics[partition[0]].config.get(f"{SENDING}.replicas")
        rate = self.altered.get(leader or 0, {}).get(f"{SENDING}.rate")
        found = alive
        if listed and rate == NEXT_TO_NOTHING and f"{partition[1]}:{leader}" in listed.split(","):
            before = self.had.get(partition, alive)
            found = [each for each in alive if each == leader or each in before]
        self.had[partition] = found
        return found

    def copy(self, alive: Collection[int]) -> None:
        """Time goes on: what was looked at often enough is there, if its brokers live."""
        self.patience -= bool(self.moves)
        if self.patience > 0:
            return
        for (topic, number), replicas in list(self.moves.items()):
            if set(replicas) <= set(alive):
                del self.moves[topic, number]
                self._place(topic, number, replicas)

    def _place(self, topic: str, number: int, replicas: tuple[int, ...]) -> None:
        found = self.topics[topic]
        leader = self.leaders.pop((topic, number), found.assignment[number][0])
        if leader in replicas[1:]:
            self.leaders[topic, number] = leader
        self.topics[topic] = replace(found, assignment={**found.assignment, number: replicas})


class FakeZooKeeper(Fake):
    """Implements `ZooKeeper`: it serves while a majority of its nodes runs."""

    def __init__(self, effects: Effects, provider: FakeProvider) -> None:
        self.effects = effects
        self.hosts = provider.hosts
        self.nodes: dict[str, dict[str, ZNode]] = {}
        self.in_force: dict[str, dict[str, str]] = {}
        """What brokers know of each configuration; of a change only when it is announced."""
        self.clusters: defaultdict[str, FakeCluster] = defaultdict(FakeCluster)
        self.controllers: dict[str, int | None] = {}

    @contextmanager
    def staying_connected(self, instance: Instance) -> Iterator[None]:
        """Makes no difference here."""
        yield

    def serving(self, instance: Instance) -> tuple[int, ...]:
        """The nodes that run."""
        return tuple(
            host.machine.broker
            for host in hosts_of(self.hosts, instance)
            if host.running and host.zookeeper is UnitState.ACTIVE
        )

    def leader(self, instance: Instance) -> int | None:
        """The newest of those that serve, if they are enough."""
        serving = self.serving(instance)
        return max(serving) if len(serving) > 1 else None

    def write(self, instance: Instance, nodes: Sequence[ZNode]) -> int:
        """One effect for each node that differs."""
        self._demand_quorum(instance)
        present = self.nodes.setdefault(instance.id, {})
        self._demand_parents(present, nodes)
        due = [node for node in nodes if present.get(node.path) != node]
        for node in due:
            self._write(instance, node)
        return len(due)

    def merge_config(self, instance: Instance, path: str, values: Mapping[str, str]) -> bool:
        """An effect only when a value is another one."""
        self._demand_quorum(instance)
        node = self.nodes[instance.id].get(path)
        present = json.loads(node.data)["config"] if node else {}
        if values.items() <= present.items():
            return False
        merged = {"version": 1, "config": {**present, **values}}
        self._write(instance, ZNode(path, json.dumps(merged)))
        return True

    def remove(self, instance: Instance, path: str) -> bool:
        """An effect only when it was there."""
        self._demand_quorum(instance)
        if path == "/controller":
            self._elect(instance)
            return True
        if path not in self.nodes[instance.id]:
            return False
        self._remove(instance, path)
        return True

    @changes
    def announce(self, instance: Instance, change: str) -> None:
        """Brokers read it again."""
        self._demand_quorum(instance)
        self._read(instance, f"/config/{change}")

    def registrations(self, instance: Instance) -> Mapping[int, int]:
        """Every broker that runs."""
        self._demand_quorum(instance)
        return {
            host.machine.broker: host.kafka_starts
            for host in hosts_of(self.hosts, instance)
            if host.running and host.kafka is UnitState.ACTIVE
        }

    def state(self, instance: Instance) -> ClusterState:
        """Registrations and partitions; the first broker that runs controls."""
        alive = sorted(self.registrations(instance))
        cluster = self.clusters[instance.id]
        cluster.copy(alive)
        return ClusterState(
            registrations=self.registrations(instance),
            controller=self.controller(instance),
            partitions=tuple(_partitions(cluster, cluster.in_sync(self.registrations(instance)))),
            reassigning=cluster.moving,
            topic_configs={name: dict(topic.config) for name, topic in cluster.topics.items()},
            broker_configs=self.broker_configs(instance),
            raised=self._raised(instance),
            told=self.told(instance),
        )

    def told(self, instance: Instance) -> Mapping[int, Mapping[str, str]]:
        """What every broker that runs says."""
        self._demand_quorum(instance)
        altered = self.clusters[instance.id].altered
        return {
            host.machine.broker: told(host, altered.get(host.machine.broker, {}))
            for host in hosts_of(self.hosts, instance)
            if host.running and host.kafka is UnitState.ACTIVE
        }

    def broker_configs(self, instance: Instance) -> Mapping[str, Mapping[str, str]]:
        """What was altered."""
        self._demand_quorum(instance)
        altered = self.clusters[instance.id].altered
        return {str(number): dict(each) for number, each in altered.items()}

    def partitions(self, instance: Instance, wanted: Iterable[Partition]) -> tuple[Partition, ...]:
        """As the state has them."""
        names = {part.name for part in wanted}
        return tuple(part for part in self.state(instance).partitions if part.name in names)

    def controller(self, instance: Instance) -> int | None:
        """Who took over last, as long as it runs; then the first that does."""
        alive = sorted(self.registrations(instance))
        if self.controllers.get(instance.id) not in alive:
            self.controllers[instance.id] = alive[0] if alive else None
        return self.controllers[instance.id]

    def _raised(self, instance: Instance) -> tuple[Raised, ...]:
        node = self.nodes.get(instance.id, {}).get(RAISED_PATH)
        return read_raised(node.data) if node else ()

    @changes
    def _write(self, instance: Instance, node: ZNode) -> None:
        self.nodes[instance.id][node.path] = node
        if not self.registrations(instance):
            self._read(instance, node.path)  # as every broker does when it starts

    @changes
    def _elect(self, instance: Instance) -> None:
        alive, present = sorted(self.registrations(instance)), self.controller(instance)
        others = [broker for broker in alive if broker != present]
        self.controllers[instance.id] = others[-1] if others else present

    @changes
    def _remove(self, instance: Instance, path: str) -> None:
        nodes = self.nodes[instance.id]
        for each in [each for each in nodes if f"{each}/".startswith(f"{path}/")]:
            del nodes[each]

    def _read(self, instance: Instance, path: str) -> None:
        node = self.nodes[instance.id].get(path)
        in_force = self.in_force.setdefault(instance.id, {})
        if node is None:
            in_force.pop(path, None)
        else:
            in_force[path] = node.data

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
        self.deaf: set[tuple[int, ListenerName]] = set()
        """Listeners at which a broker that runs does not answer."""

    def cluster(self, instance: Instance) -> Cluster:
        """Metadata: replicas on brokers that run are in sync."""
        alive = self._alive(instance)
        cluster = self.clusters[instance.id]
        in_sync = cluster.in_sync(self._zookeeper.registrations(instance))
        partitions = _partitions(cluster, in_sync)
        return Cluster(tuple(alive), alive[0], tuple(partitions))

    def cluster_as_seen_by(self, instance: Instance, broker: int) -> Cluster:
        """The same, if this broker runs."""
        if broker not in self._alive(instance):
            raise EffectFailed(f"broker {broker} does not answer")
        return self.cluster(instance)

    def check_controller(self, instance: Instance, state: ClusterState) -> None:
        """It runs."""
        if state.controller not in self._zookeeper.registrations(instance):
            raise EffectFailed(f"Kafka of {instance.name}: there is no controller")

    @contextmanager
    def near_controller(self, instance: Instance, state: ClusterState) -> Iterator[None]:
        """Makes no difference here."""
        yield

    @changes
    def shut_down(self, instance: Instance, state: ClusterState, broker: int) -> tuple[str, ...]:
        """The broker is out of every in-sync set until it registers anew."""
        alive = self._zookeeper.registrations(instance)
        known = state.registrations.get(broker)
        if known is None or known != alive.get(broker) or state.controller not in alive:
            raise EffectFailed(f"broker {broker} or the controller is gone")
        self.clusters[instance.id].left[broker] = alive[broker]
        return ()

    @changes
    def warm(self, instance: Instance, partition: tuple[str, int], requests: int) -> None:
        """Its leader answers."""
        if not any(
            part.leader and (part.topic, part.number) == partition
            for part in self._zookeeper.state(instance).partitions
        ):
            raise EffectFailed(f"{partition} has no leader")

    def check_answers(self, broker: Broker, listener: Listener) -> None:
        """A broker that runs answers, where nobody is held off."""
        assert broker.machine is not None
        host = self._zookeeper.hosts[broker.machine.name]
        host.demand_answer()
        held = listener.port in host.held or listener.port not in LISTENED_AT
        held = held or (broker.id, listener.name) in self.deaf
        if held or host.kafka is not UnitState.ACTIVE:
            raise EffectFailed(f"{broker.address}:{listener.port} does not answer: refused")

    def create_topic(self, instance: Instance, topic: NewTopic) -> bool:
        """The topic exists; an effect only when it did not."""
        self._alive(instance)
        if topic.name in self.clusters[instance.id].topics:
            return False
        self._create(instance, topic)
        return True

    def add_partitions(self, instance: Instance, topic: NewTopic) -> bool:
        """The topic has these partitions; an effect only when some were missing."""
        self._alive(instance)
        present = self.clusters[instance.id].topics[topic.name].assignment
        if set(present).issuperset(topic.assignment):
            return False
        self._add_partitions(instance, topic)
        return True

    def accepts(self, instance: Instance, broker: Broker, login: Login) -> bool:
        """As the broker knows the user by now."""
        self._alive(instance)
        host = self._host(instance, broker.id)
        if host.kafka is not UnitState.ACTIVE:
            raise EffectFailed(f"broker {broker.id} does not answer")
        if self._protocol(instance, host) != Protocol.SASL_SSL:
            raise EffectFailed(f"broker {broker.id} does not ask for a password")
        if login.mechanism == "PLAIN":
            return _opens_line(host.contents.get(paths.PLAIN_USERS, ""), login)
        known = self._zookeeper.in_force.get(instance.id, {}).get(user_path(login.user))
        return known is not None and _opens_scram(known, login.password)

    def replicas(self, instance: Instance) -> tuple[Replica, ...]:
        """A thousand bytes in each, times the number of its partition and one."""
        alive = self._alive(instance)
        return tuple(
            Replica(topic.name, number, broker, 1000 * (number + 1))
            for topic in self.clusters[instance.id].topics.values()
            for number, brokers in topic.assignment.items()
            for broker in brokers
            if broker in alive
        )

    def permissions(self, instance: Instance) -> Mapping[str, tuple[Permission, ...]]:
        """What was granted live, for what nobody owns from the start."""
        self._alive(instance)
        return {topic: tuple(each) for topic, each in self.clusters[instance.id].granted.items()}

    @changes
    def revoke(self, instance: Instance, principal: str) -> None:
        """The principal is in no list, and empty lists are none."""
        self._alive(instance)
        granted = self.clusters[instance.id].granted
        for topic, permissions in list(granted.items()):
            left = [each for each in permissions if each.principal != principal]
            granted[topic] = left
            if not left:
                del granted[topic]

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
        if not values:
            return
        if broker not in self._alive(instance):
            raise EffectFailed(f"Kafka of {instance.name}: altering broker {broker} failed")
        told = self.clusters[instance.id].altered.get(broker, {})
        check_change(self._host(instance, broker), told, values)
        check_names(self._host(instance, broker), told, values, instance.wish.release)
        read_again(self._host(instance, broker), told, values, instance.wish.release)
        self.clusters[instance.id].altered.setdefault(broker, {}).update(values)

    @changes
    def configure(
        self, instance: Instance, settings: Mapping[str, Mapping[str, str | None]]
    ) -> None:
        """Topics and brokers hold these values beside those that they had; ZooKeeper has them."""
        self._zookeeper.registrations(instance)
        cluster = self.clusters[instance.id]
        for entity, values in settings.items():
            kind, _, name = entity.partition("/")
            if kind == "topics" and name not in cluster.topics:
                raise EffectFailed(f"Kafka of {instance.name}: there is no topic {name}")
            topic = cluster.topics.get(name)
            present = topic.config if topic else cluster.altered.get(int(name), {})
            merged = {**present, **values}
            kept = {key: value for key, value in merged.items() if value is not None}
            if topic:
                cluster.topics[name] = replace(topic, config=kept)
            else:
                cluster.altered[int(name)] = kept

    @changes
    def reassign(
        self, instance: Instance, lists: Mapping[PartitionName, tuple[int, ...] | None]
    ) -> None:
        """What is to move begins to; before 2.4 one order at a time, and nothing is cancelled."""
        self._alive(instance)
        cluster, old = self.clusters[instance.id], instance.wish.release
        if old.reassignments is Through.ZOOKEEPER and (cluster.moves or None in lists.values()):
            raise EffectFailed(f"Kafka of {instance.name}: another reassignment is still running")
        for (topic, number), replicas in lists.items():
            if topic not in cluster.topics:
                raise EffectFailed(f"Kafka of {instance.name}: moving {topic}-{number} failed")
            if replicas is None:
                cluster.moves.pop((topic, number), None)
            elif replicas != tuple(cluster.topics[topic].assignment[number]):
                cluster.moves[topic, number] = tuple(replicas)
        cluster.patience = 2

    def groups(self, instance: Instance) -> Mapping[str, frozenset[str]]:
        """As the test said."""
        self._alive(instance)
        return dict(self.clusters[instance.id].groups)

    @changes
    def round_trip(self, instance: Instance, topic: str, messages: int) -> RoundTrip:
        """All messages come back, but for those that the test loses."""
        cluster = self.clusters[instance.id]
        if topic not in cluster.topics:
            raise EffectFailed(f"Kafka of {instance.name}: there is no topic {topic}")
        if len(self._alive(instance)) < len(instance.brokers):
            raise EffectFailed("not every broker answers")
        for host in hosts_of(self._zookeeper.hosts, instance):
            wished = instance.listeners(instance.broker(host.machine.broker))[2].protocol
            if self._protocol(instance, host) != wished:
                raise EffectFailed(f"{host.machine.name} does not let clients in by {wished}")
        sent = len(cluster.topics[topic].assignment) * messages
        return RoundTrip(sent, sent - cluster.loses, 0.5)

    @changes
    def _add_partitions(self, instance: Instance, topic: NewTopic) -> None:
        known = self.clusters[instance.id].topics
        present = known[topic.name]
        new = {**topic.assignment, **present.assignment}
        known[topic.name] = replace(present, assignment=new)

    @changes
    def _create(self, instance: Instance, topic: NewTopic) -> None:
        self.clusters[instance.id].topics[topic.name] = topic

    def _host(self, instance: Instance, broker: int) -> FakeHost:
        hosts = hosts_of(self._zookeeper.hosts, instance)
        return next(each for each in hosts if each.machine.broker == broker)

    def _protocol(self, instance: Instance, host: FakeHost) -> str | None:
        """How clients come in through PRIVATE; None while the broker has no such listener."""
        told = self.clusters[instance.id].altered.get(host.machine.broker, {})
        return protocols(host, told).get(ListenerName.PRIVATE)

    def _alive(self, instance: Instance) -> list[int]:
        written = self._zookeeper.nodes.get(instance.id, {})
        alive = sorted(self._zookeeper.registrations(instance))
        if not alive:
            raise EffectFailed("no broker answers")
        if any(path not in written for path in LISTS_NEEDED):
            raise AssertionError("a broker runs before its permissions were written")
        return alive


def _partitions(cluster: FakeCluster, alive: Sequence[int]) -> Iterator[Partition]:
    """What is there; a leader that is gone has a successor, who stays until somebody elects."""
    for topic in cluster.topics.values():
        for number, replicas in topic.assignment.items():
            key = topic.name, number
            wished = [cluster.leaders.get(key, replicas[0]), *replicas]
            leader = next((broker for broker in wished if broker in alive), None)
            if leader == replicas[0]:
                cluster.leaders.pop(key, None)
            elif leader is not None:
                cluster.leaders[key] = leader
            # Kafka never empties the set: whoever was the last in it may lead again.
            there = cluster.caught_up(key, leader, alive)
            in_sync = tuple(broker for broker in replicas if broker in there) or replicas[:1]
            moving = cluster.moves.get((topic.name, number), ())
            listed = (*moving, *(broker for broker in replicas if broker not in moving))
            yield Partition(topic.name, number, leader, listed if moving else replicas, in_sync)


@cache
def _opens_scram(node: str, password: str) -> bool:
    value = str(json.loads(node)["config"]["SCRAM-SHA-512"])
    parts = dict(part.split("=", 1) for part in value.split(","))
    return scram_value(password, b64decode(parts["salt"]), int(parts["iterations"])) == value


@cache
def _opens_line(text: str, login: Login) -> bool:
    for line in text.splitlines():
        name, iterations, salt, _ = line.split(":")
        if name == login.user:
            return plain_line(name, login.password, b64decode(salt), int(iterations)) == line
    return False


def hosts_of(hosts: Mapping[str, FakeHost], instance: Instance) -> list[FakeHost]:
    """The machines of one instance."""
    prefix = f"{instance.id}-"
    return [host for name, host in hosts.items() if name.startswith(prefix)]
