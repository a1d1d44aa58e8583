"""What lies on the disks of a cluster, replica by replica."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kafka.errors import for_code

from flows.adapters.kafka.connection import Credentials
from flows.adapters.kafka.kafka_python import kafka_python
from flows.domain.cluster import Replica
from flows.domain.instance import Instance


def replicas(instance: Instance, credentials: Credentials, limit: float) -> tuple[Replica, ...]:
    """Every replica on every broker that is in the metadata, at most `limit` seconds each.

    The copy that a broker makes from one of its disks to another counts as well.
    """
    what = "telling the sizes of its replicas"
    with kafka_python(instance, credentials, limit, what) as client:
        return tuple(_replicas(client.describe_log_dirs()))


def _replicas(answers: Iterable[Mapping[str, Any]]) -> Iterator[Replica]:
    for answer in answers:
        for directory in answer["log_dirs"]:
            if directory["error_code"]:
                raise for_code(directory["error_code"])(f"broker {answer['broker']}")
            for topic in directory["topics"]:
                for part in topic["partitions"]:
                    yield Replica(
                        topic=topic["name"],
                        partition=part["partition_index"],
                        broker=answer["broker"],
                        bytes=part["partition_size"],
                    )
