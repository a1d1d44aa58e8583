"""What every implementation of an adapter's protocol must do: the real one and the tests' fake.

Each contract takes an adapter and an instance that is as its docstring says, and leaves topics
and nodes of its own names behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from flows.adapters.site import Clock, Kafka, ZooKeeper
from flows.domain.cluster import NewTopic, Permission, Raised, ZNode
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.names import check_password
from flows.domain.permissions import OPEN_TOPIC
from flows.domain.raising import RAISED_PATH, raised_node


def clock_contract(clock: Clock) -> None:
    """Any clock: time goes on, tokens and passwords differ and keep their rules."""
    before, since = clock.now(), clock.monotonic()
    clock.pause(0.01)
    assert clock.now().utcoffset() is not None
    assert clock.now() > before
    assert clock.monotonic() >= since + 0.01
    tokens = {clock.token(8) for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(each) == 8 and each.isalnum() and each.islower() for each in tokens)
    assert all(each[0].isalpha() for each in tokens)
    passwords = {clock.password(16) for _ in range(20)}
    assert len(passwords) == 20
    for password in passwords:
        assert len(password) == 16
        check_password("password", password, None)


def zookeeper_contract(zookeeper: ZooKeeper, instance: Instance) -> None:
    """The whole ensemble serves; whether brokers run does not matter."""
    assert zookeeper.serving(instance) == tuple(broker.id for broker in instance.ensemble)
    assert zookeeper.leader(instance) in zookeeper.serving(instance)
    nodes = [ZNode("/contract", public=True), ZNode("/contract/node", '{"a":1}')]
    assert zookeeper.write(instance, nodes) == 2
    assert zookeeper.write(instance, nodes) == 0
    changed = [nodes[0], ZNode("/contract/node", '{"a":2}')]
    assert zookeeper.write(instance, changed) == 1
    published = [nodes[0], ZNode("/contract/node", '{"a":2}', public=True)]
    assert zookeeper.write(instance, published) == 1
    assert zookeeper.write(instance, published) == 0
    with pytest.raises(EffectFailed, match="parent"):
        zookeeper.write(instance, [ZNode("/contract/missing/node")])
    zookeeper.announce(instance, "users/contract")


def registrations_contract(zookeeper: ZooKeeper, instance: Instance) -> None:
    """All brokers run, and none of them restarts meanwhile."""
    found = zookeeper.registrations(instance)
    assert set(found) == {broker.id for broker in instance.brokers}
    assert all(generation > 0 for generation in found.values())
    assert zookeeper.registrations(instance) == found


def kafka_contract(kafka: Kafka, instance: Instance, topic: str = "contract") -> None:
    """All brokers run, and no topic of this name exists yet."""
    brokers = tuple(broker.id for broker in instance.brokers)
    assert kafka.cluster(instance).brokers == brokers
    assert kafka.cluster(instance).controller in brokers
    _topic_contract(kafka, instance, topic, brokers)
    _permissions_contract(kafka, instance, topic)
    _round_trip_contract(kafka, instance, topic, partitions=len(brokers) + 1)
    for _ in range(2):
        kafka.alter_broker(instance, brokers[0], {"background.threads": "3"})


def reassignment_contract(kafka: Kafka, zookeeper: ZooKeeper, instance: Instance) -> None:
    """All brokers run; there is no topic `moved` yet."""
    brokers = tuple(broker.id for broker in instance.brokers)
    back = tuple(reversed(brokers))
    kafka.create_topic(instance, NewTopic("moved", {0: brokers}, {"retention.ms": "70000"}))
    key = "leader.replication.throttled.replicas"
    rate = "leader.replication.throttled.rate"
    everybody = [f"brokers/{broker}" for broker in (*brokers, 77)]
    rates = {entity: {rate: "1000000"} for entity in everybody}
    kafka.configure(instance, {"topics/moved": {key: "0:1"}, **rates})
    state = zookeeper.state(instance)
    assert state.topic_configs["moved"] == {"retention.ms": "70000", key: "0:1"}
    assert zookeeper.broker_configs(instance) == state.broker_configs
    assert zookeeper.told(instance) == state.told
    assert set(state.told) == set(brokers)
    told = [state.broker_configs[entity.partition("/")[2]][rate] for entity in everybody]
    assert set(told) == {"1000000"}, "also one that is down"
    no_rates = {entity: {rate: None} for entity in everybody}
    kafka.configure(instance, {"topics/moved": {key: None}, **no_rates})
    kafka.configure(instance, {})
    state = zookeeper.state(instance)
    assert state.topic_configs["moved"] == {"retention.ms": "70000"}
    assert rate not in state.broker_configs.get("1", {})
    kafka.reassign(instance, {("moved", 0): back})
    kafka.reassign(instance, {})
    until(lambda: not zookeeper.state(instance).reassigning)
    (moved,) = [part for part in zookeeper.state(instance).partitions if part.topic == "moved"]
    assert moved.replicas == back
    raised = Raised("moved", 0, brokers[:1], brokers)
    zookeeper.write(instance, [raised_node([raised])])
    assert zookeeper.state(instance).raised == (raised,)
    zookeeper.remove(instance, RAISED_PATH)
    assert zookeeper.state(instance).raised == ()
    kafka.reassign(instance, {("moved", 0): None})
    with pytest.raises(EffectFailed, match=r"Kafka of .*moving missing-0 failed"):
        kafka.reassign(instance, {("missing", 0): brokers})


def groups_contract(kafka: Kafka, instance: Instance) -> None:
    """All brokers run, and no group called `contract` ever read anything."""
    found = kafka.groups(instance)
    assert "contract" not in found
    assert all(isinstance(topics, frozenset) for topics in found.values())
    assert kafka.groups(instance) == found


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """The condition came true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def kafka_refusals_contract(kafka: Kafka, instance: Instance) -> None:
    """What is asked of a topic that does not exist fails with one sentence that names it."""
    with pytest.raises(EffectFailed, match=r"Kafka of .*topic missing"):
        kafka.round_trip(instance, "missing", 1)
    with pytest.raises(EffectFailed, match=r"Kafka of .*electing preferred leaders"):
        kafka.elect_preferred(instance, [("missing", 0)])
    kafka.alter_broker(instance, 99, {})
    assert "missing" not in kafka.cluster(instance).topics


def _topic_contract(kafka: Kafka, instance: Instance, name: str, brokers: tuple[int, ...]) -> None:
    assignment = {
        number: (*brokers[number % len(brokers) :], *brokers[: number % len(brokers)])
        for number in range(len(brokers) + 1)
    }
    wished = NewTopic(name, assignment, {"min.insync.replicas": "1"})
    assert kafka.create_topic(instance, wished) is True
    assert kafka.create_topic(instance, wished) is False
    made = [each for each in kafka.cluster(instance).partitions if each.topic == name]
    assert {each.number: each.replicas for each in made} == assignment
    assert all(each.leader in brokers for each in made)
    assert name in kafka.cluster(instance).topics
    kafka.elect_preferred(instance, [(name, each.number) for each in made])
    kafka.elect_preferred(instance, [])
    made = [each for each in kafka.cluster(instance).partitions if each.topic == name]
    assert [each.leader for each in made] == [each.preferred_leader for each in made]


def _permissions_contract(kafka: Kafka, instance: Instance, topic: str) -> None:
    assert topic not in kafka.topics_with_permissions(instance)
    kafka.grant(instance, topic, [])
    assert topic not in kafka.topics_with_permissions(instance)
    kafka.grant(instance, topic, OPEN_TOPIC)
    kafka.grant(instance, topic, [*OPEN_TOPIC, Permission("User:alice", "Alter")])
    assert topic in kafka.topics_with_permissions(instance)


def _round_trip_contract(kafka: Kafka, instance: Instance, topic: str, partitions: int) -> None:
    found = kafka.round_trip(instance, topic, 7)
    assert found.sent == found.received == 7 * partitions
    assert found.seconds_to_first_ack >= 0
    assert kafka.round_trip(instance, topic, 1).received == partitions
