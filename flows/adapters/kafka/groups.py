"""Which consumer groups there are, and what each reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from flows.adapters.kafka.administration import result_of

Reads = Mapping[str, frozenset[str]]
"""Consumer group -> topics."""


def groups(client: AdminClient) -> Reads:
    """What each group reads: what its members were given, or else what it has committed."""
    listed = result_of(client.list_consumer_groups())
    if listed.errors:
        raise listed.errors[0]
    names = sorted(each.group_id for each in listed.valid)
    given = _given(client, names)
    idle = [name for name in names if not given[name]]
    return {**given, **_committed(client, idle)}


def _given(client: AdminClient, names: list[str]) -> Reads:
    if not names:
        return {}
    return {
        name: frozenset(
            topic
            for member in result_of(described).members
            if member.assignment
            for topic in _topics(member.assignment.topic_partitions)
        )
        for name, described in client.describe_consumer_groups(names).items()
    }


def _committed(client: AdminClient, names: Iterable[str]) -> Reads:
    # One group a request (librdkafka); all of them are under way before the first is waited for.
    asked = {
        name: client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name]
        for name in names
    }
    return {
        name: frozenset(_topics(result_of(future).topic_partitions or ()))
        for name, future in asked.items()
    }


def _topics(partitions: Iterable[Any]) -> Iterable[str]:
    return (partition.topic for partition in partitions)
