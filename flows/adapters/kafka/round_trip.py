"""Messages through a client listener and back: what a client of the instance would see."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from itertools import product
from secrets import token_hex

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from flows.adapters.kafka.connection import (
    PAUSE_SECONDS,
    REQUEST_SECONDS,
    Heard,
    Settings,
    late,
    may_pass,
)

Place = tuple[int, int]
"""Partition and offset of a message in its topic."""

_PRODUCER: Settings = {"acks": "all", "enable.idempotence": True, "linger.ms": 5}
# The library insists on a group; nothing is ever committed for it.
_CONSUMER: Settings = {
    "group.id": "__fleet_probe",
    "enable.auto.commit": False,
    "auto.offset.reset": "error",
    "fetch.wait.max.ms": 100,
}


class Sent:
    """What was acknowledged, and when the first of it was (`time.monotonic`)."""

    def __init__(self) -> None:
        self.values: dict[Place, bytes] = {}
        self.first_ack = 0.0
        self.failure: KafkaError | None = None

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        """librdkafka's delivery report."""
        if error is not None:
            self.failure = error
            return
        self.first_ack = self.first_ack or time.monotonic()
        self.values[_place(message)] = message.value() or b""


def send(heard: Heard, settings: Settings, topic: str, messages: int, limit: float) -> Sent:
    """So many messages to each partition are acknowledged by all its in-sync replicas.

    The limit in seconds holds for finding the leaders, and again for the acknowledgements.
    """
    producer = _producer(heard, settings, limit)
    partitions = _known_partitions(producer, topic, limit)
    sent, token = Sent(), token_hex(8)
    for number, partition in product(range(messages), partitions):
        _produce(producer, topic, partition, f"{token} {partition} {number}", sent)
    waiting = producer.flush(limit + 1)
    if sent.failure is not None:
        raise KafkaException(sent.failure)
    if waiting:
        raise late(f"{waiting} messages were not acknowledged within {limit:g} s")
    return sent


def read_back(
    heard: Heard, settings: Settings, topic: str, sent: Mapping[Place, bytes], limit: float
) -> int:
    """How many messages came back from where they went: all of them, otherwise it fails."""
    consumer = Consumer({**settings, **_CONSUMER, "error_cb": heard.error}, logger=heard)
    try:
        consumer.assign(_starts(topic, sent))
        return _receive(consumer, sent, limit)
    finally:
        consumer.close()


def _producer(heard: Heard, settings: Settings, limit: float) -> Producer:
    own = {"message.timeout.ms": int(limit * 1000), "error_cb": heard.error}
    return Producer({**settings, **_PRODUCER, **own}, logger=heard)


def _known_partitions(producer: Producer, topic: str, limit: float) -> list[int]:
    """The partitions of a topic, once each has a leader."""
    deadline = time.monotonic() + limit
    while True:
        try:
            return _led_partitions(producer, topic, min(limit, REQUEST_SECONDS))
        except KafkaException as error:
            if not may_pass(error) or time.monotonic() > deadline:
                raise
        finally:
            producer.poll(PAUSE_SECONDS)


def _led_partitions(producer: Producer, topic: str, seconds: float) -> list[int]:
    found = producer.list_topics(topic, timeout=seconds).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    if any(partition.leader < 0 for partition in found.partitions.values()):
        raise late("a partition has no leader")
    return sorted(found.partitions)


def _produce(producer: Producer, topic: str, partition: int, value: str, sent: Sent) -> None:
    try:
        producer.produce(topic, value, partition=partition, on_delivery=sent.delivered)
    except BufferError:
        producer.flush(REQUEST_SECONDS)
        producer.produce(topic, value, partition=partition, on_delivery=sent.delivered)
    producer.poll(0)


def _starts(topic: str, places: Iterable[Place]) -> list[TopicPartition]:
    first: dict[int, int] = {}
    for partition, offset in places:
        first[partition] = min(offset, first.get(partition, offset))
    return [TopicPartition(topic, partition, offset) for partition, offset in first.items()]


def _receive(consumer: Consumer, sent: Mapping[Place, bytes], limit: float) -> int:
    missing, deadline = dict(sent), time.monotonic() + limit
    while missing:
        if time.monotonic() > deadline:
            raise late(f"{len(missing)} of {len(sent)} messages did not come back in {limit:g} s")
        message = consumer.poll(PAUSE_SECONDS)
        if message is not None:
            _compare(message, missing.pop(_place(message), None))
    return len(sent)


def _compare(message: Message, wished: bytes | None) -> None:
    """Messages of others, at places that are not ours, are none of our business."""
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    if wished is not None and wished != message.value():
        partition, offset = _place(message)
        reason = f"offset {offset} of partition {partition} holds another message than was sent"
        raise KafkaException(KafkaError(KafkaError._BAD_MSG, reason))


def _place(message: Message) -> Place:
    partition, offset = message.partition(), message.offset()
    return -1 if partition is None else partition, -1 if offset is None else offset
