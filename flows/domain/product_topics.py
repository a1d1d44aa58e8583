"""The topics that the product makes itself: the probe's, and Kafka's own with safe settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from flows.domain.cluster import PROBE_TOPIC, NewTopic

REPLICAS = 3
NO_ZONES: Mapping[int, str] = MappingProxyType({})
_SAFE = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
OFFSETS_PARTITIONS, TRANSACTION_PARTITIONS = 24, 12
"""Kafka's 50 each would be moved with every broker that restarts, four times as many as users have.

Made once: where a group's offsets lie follows from their number. 24 coordinators are enough for
the largest instance (30 brokers), and 12 for its transactions.
"""


Zones = Mapping[int, str]
"""Broker -> zone; brokers that are not in it have one zone."""


def probe_topic(brokers: tuple[int, ...], zones: Zones = NO_ZONES) -> NewTopic:
    """One partition led by each broker, three replicas; kept for an hour."""
    assignment = spread(brokers, len(brokers), zones)
    return NewTopic(PROBE_TOPIC, assignment, {**_SAFE, "retention.ms": "3600000"})


def kafka_topics(brokers: tuple[int, ...], zones: Zones = NO_ZONES) -> tuple[NewTopic, ...]:
    """Kafka's own topics, made before anybody needs them.

    Left to Kafka they would have the broker's defaults: one replica in sync is enough and an
    out-of-date replica may lead, which can lose commits.
    """
    offsets = {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "segment.bytes": "104857600",
    }
    transactions = {
        "cleanup.policy": "compact",
        "compression.type": "uncompressed",
        "segment.bytes": "104857600",
    }
    on_offsets = spread(brokers, OFFSETS_PARTITIONS, zones)
    on_transactions = spread(brokers, TRANSACTION_PARTITIONS, zones)
    return (
        NewTopic("__consumer_offsets", on_offsets, offsets | _SAFE),
        NewTopic("__transaction_state", on_transactions, transactions | _SAFE),
    )


def spread(
    brokers: tuple[int, ...], partitions: int, zones: Zones = NO_ZONES
) -> dict[int, tuple[int, ...]]:
    """Partition -> three replicas, leaders in turn; in three zones where there are as many."""
    return {
        partition: _replicas(brokers, partition % len(brokers), zones)
        for partition in range(partitions)
    }


def _replicas(brokers: tuple[int, ...], first: int, zones: Zones) -> tuple[int, ...]:
    turn = (*brokers[first:], *brokers[:first])
    chosen: list[int] = []
    # A broker whose zone has a replica already comes after all that have none.
    for again in (False, True):
        for broker in turn:
            taken = {zones.get(each) for each in chosen if zones}
            fresh = broker not in chosen and (again or zones.get(broker) not in taken)
            if fresh and len(chosen) < REPLICAS:
                chosen.append(broker)
    return tuple(chosen)
