"""The product's own topics, spread over the brokers."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.cluster import NewTopic
from flows.domain.product_topics import kafka_topics, probe_topic, spread
from tests.domain.samples import OFTEN

BROKERS = st.lists(st.integers(1, 99), min_size=1, max_size=12, unique=True).map(tuple)


@OFTEN
@given(brokers=BROKERS, partitions=st.integers(1, 60))
def test_partitions_are_spread_evenly_on_three_different_brokers(
    brokers: tuple[int, ...], partitions: int
) -> None:
    found = spread(brokers, partitions)
    assert sorted(found) == list(range(partitions))
    for replicas in found.values():
        assert len(replicas) == min(3, len(brokers))
        assert len(set(replicas)) == len(replicas)
        assert set(replicas) <= set(brokers)
    for place in range(min(3, len(brokers))):
        held = Counter(replicas[place] for replicas in found.values())
        counts = [held[broker] for broker in brokers]
        assert max(counts) - min(counts) <= 1


@OFTEN
@given(brokers=st.integers(3, 12), zones=st.integers(1, 5))
def test_replicas_lie_in_as_many_zones_as_there_are(brokers: int, zones: int) -> None:
    places = {broker: f"zone-{broker % zones}" for broker in range(1, brokers + 1)}
    for replicas in spread(tuple(places), 60, places).values():
        assert len(set(replicas)) == 3
        assert len({places[broker] for broker in replicas}) == min(3, len(set(places.values())))


@OFTEN
@given(BROKERS)
def test_the_probe_has_a_partition_led_by_each_broker(brokers: tuple[int, ...]) -> None:
    topic = probe_topic(brokers)
    assert topic.name == "__fleet_probe"
    assert sorted(replicas[0] for replicas in topic.assignment.values()) == sorted(brokers)


@pytest.mark.parametrize("topic", [probe_topic((1, 2, 3)), *kafka_topics((1, 2, 3))])
def test_none_of_them_can_lose_what_was_acknowledged(topic: NewTopic) -> None:
    assert topic.config["min.insync.replicas"] == "2"
    assert topic.config["unclean.leader.election.enable"] == "false"
    assert all(len(replicas) == 3 for replicas in topic.assignment.values())


def test_kafkas_own_topics_are_safe_and_small() -> None:
    offsets, transactions = kafka_topics((1, 2, 3))
    assert (offsets.name, transactions.name) == ("__consumer_offsets", "__transaction_state")
    assert (len(offsets.assignment), len(transactions.assignment)) == (24, 12)
    for topic in (offsets, transactions):
        assert topic.config["cleanup.policy"] == "compact"
        assert topic.config["segment.bytes"] == "104857600"
    assert offsets.config["compression.type"] == "producer"
    assert transactions.config["compression.type"] == "uncompressed"
