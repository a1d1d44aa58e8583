"""The topics that the product makes itself: the probe's, and Kafka's own with safe settings."""

from __future__ import annotations

from flows.domain.cluster import PROBE_TOPIC, NewTopic

_SAFE = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
OFFSETS_PARTITIONS = 50
TRANSACTION_PARTITIONS = 50


def probe_topic(brokers: tuple[int, ...]) -> NewTopic:
    """One partition led by each broker, three replicas; kept for an hour."""
    assignment = spread(brokers, partitions=len(brokers))
    return NewTopic(PROBE_TOPIC, assignment, {**_SAFE, "retention.ms": "3600000"})


def kafka_topics(brokers: tuple[int, ...]) -> tuple[NewTopic, ...]:
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
    return (
        NewTopic("__consumer_offsets", spread(brokers, OFFSETS_PARTITIONS), offsets | _SAFE),
        NewTopic(
            "__transaction_state", spread(brokers, TRANSACTION_PARTITIONS), transactions | _SAFE
        ),
    )


def spread(brokers: tuple[int, ...], partitions: int) -> dict[int, tuple[int, ...]]:
    """Partition -> three replicas, leaders in turn."""
    count, replicas = len(brokers), min(3, len(brokers))
    return {
        partition: tuple(brokers[(partition + offset) % count] for offset in range(replicas))
        for partition in range(partitions)
    }
