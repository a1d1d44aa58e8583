"""What a roll asks of ZooKeeper, Kafka and a probe: the real ones and the fakes of the tests alike.

All brokers of the instance run, and the probe's topic exists.
"""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from flows.adapters.site import Kafka, Probes, ZooKeeper
from flows.domain.cluster import PROBE_TOPIC, NewTopic
from flows.domain.errors import EffectFailed
from flows.domain.firewall import open_to_product
from flows.domain.gates import unknown_to_broker
from flows.domain.instance import Instance


def state_contract(zookeeper: ZooKeeper, kafka: Kafka, instance: Instance) -> None:
    """The state is what was asked for, and every broker soon knows as much."""
    brokers = tuple(broker.id for broker in instance.brokers)
    wished = NewTopic("state", {0: brokers, 1: brokers[:1]}, {"min.insync.replicas": "2"})
    kafka.create_topic(instance, wished)
    state = zookeeper.state(instance)
    assert state.registrations == zookeeper.registrations(instance)
    assert state.controller in brokers
    assert state.reassigning == ()
    found = {part.number: part for part in state.partitions if part.topic == "state"}
    assert {number: part.replicas for number, part in found.items()} == wished.assignment
    assert found[1].leader == brokers[0]
    assert set(found[1].in_sync) == {brokers[0]}
    assert state.min_in_sync(found[0]) == 2
    gone = replace(found[0], topic="gone")
    assert zookeeper.partitions(instance, [found[1], gone]) == (found[1],)
    for broker in brokers:
        seen = kafka.cluster_as_seen_by(instance, broker)
        assert unknown_to_broker(broker, seen, state) is None


def listeners_contract(kafka: Kafka, instance: Instance) -> None:
    """What a broker listens at answers, with TLS and without; where nobody listens, nobody does."""
    for broker in instance.brokers:
        for listener in open_to_product(instance, broker):
            kafka.check_answers(broker, listener)
    broker = instance.brokers[0]
    closed = replace(instance.listeners(broker)[0], port=9)
    with pytest.raises(EffectFailed, match=f"{broker.address}:9 does not answer"):
        kafka.check_answers(broker, closed)


def warming_contract(kafka: Kafka, instance: Instance) -> None:
    """A partition that exists is warmed; one that does not is named."""
    kafka.warm(instance, (PROBE_TOPIC, 0), 8)
    with pytest.raises(EffectFailed):
        kafka.warm(instance, ("missing", 0), 4)


def probe_contract(probes: Probes, instance: Instance) -> None:
    """A probe tells what it sees as long as it runs, and its sums in the end."""
    probe = probes.start(instance)
    try:
        time.sleep(0.6)
        sight = probe.seen()
        assert all(seconds < 30 for seconds in sight.silent.values())
        assert 0 in sight.silent
    finally:
        end = probe.finish()
    assert end.sent == end.acknowledged > 0
    assert (end.lost, end.duplicated, end.errors) == (0, 0, ())


def shutdown_contract(kafka: Kafka, zookeeper: ZooKeeper, instance: Instance) -> None:
    """The controller takes a broker out, and refuses a registration that is not there any more."""
    broker = instance.brokers[-1].id
    state = zookeeper.state(instance)
    kafka.check_controller(instance, state)
    assert zookeeper.state(instance).partitions == state.partitions, "asking takes nobody out"
    with pytest.raises(EffectFailed, match="there is no controller"):
        kafka.check_controller(instance, replace(state, controller=None))
    assert isinstance(kafka.shut_down(instance, state, broker), tuple)
    with kafka.near_controller(instance, state):
        found = [kafka.shut_down(instance, state, broker) for _ in range(2)]
    assert all(isinstance(each, tuple) for each in found)
    gone = type(state)(registrations={}, controller=state.controller)
    with pytest.raises(EffectFailed, match=f"broker {broker}"):
        kafka.shut_down(instance, gone, broker)
