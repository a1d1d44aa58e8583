"""Moving partitions: begun and cancelled through the brokers, or through ZooKeeper before 2.4.

confluent-kafka cannot ask for reassignments (KIP-455, librdkafka's INTRODUCTION.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import NoReassignmentInProgressError

from flows.adapters.kafka.through_zookeeper import Nodes
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.reassignment import PartitionName

Lists = Mapping[PartitionName, tuple[int, ...] | None]
"""Partition -> its replicas as they are to be; None cancels its move."""

_ORDER = "/admin/reassign_partitions"


def reassign_through_brokers(client: KafkaAdminClient, instance: Instance, lists: Lists) -> None:
    """The controller took the lists over the moves that were under way; at least one is given."""
    wished = {
        TopicPartition(topic, number): None if replicas is None else list(replicas)
        for (topic, number), replicas in lists.items()
    }
    answers = client.alter_partition_reassignments(wished)
    for partition in wished:
        error = answers.get(partition)
        # What has ended by itself needs no end: it is as if it had been cancelled in time.
        if error is not None and not issubclass(error, NoReassignmentInProgressError):
            name = f"{partition.topic}-{partition.partition}"
            raise EffectFailed(
                f"Kafka of {instance.name}: moving {name} failed with {error.__name__}"
            )


def reassign_through_zookeeper(nodes: Nodes, instance: Instance, lists: Lists) -> None:
    """The controller finds the lists; one order at a time is taken, and none can be cancelled."""
    cancelled = [f"{topic}-{number}" for (topic, number), each in lists.items() if each is None]
    if cancelled:
        raise EffectFailed(
            f"Kafka of {instance.name}: moves of {', '.join(cancelled)} cannot be cancelled "
            f"by {instance.wish.release.release}"
        )
    partitions = [
        {"topic": topic, "partition": number, "replicas": list(replicas or ())}
        for (topic, number), replicas in lists.items()
    ]
    order = json.dumps({"version": 1, "partitions": partitions})
    if not nodes.place(instance, _ORDER, order):
        raise EffectFailed(f"Kafka of {instance.name}: another reassignment is still running")
