"""A client's first requests to a broker that has just started: slow ones, so the product's own.

Code that was never run, followers' fetchers that are not there yet, sessions of TLS: the first
acks=all requests take ten times what later ones take (gaps of half a second otherwise).
"""

from __future__ import annotations

from confluent_kafka import KafkaException, Producer

from flows.adapters.kafka.connection import Heard, Settings, late

# An idempotent producer of librdkafka sleeps half a second before it asks for its id.
_PRODUCER: Settings = {"acks": "all", "linger.ms": 0, "enable.idempotence": False}


def warm(
    heard: Heard, settings: Settings, partition: tuple[str, int], requests: int, limit: float
) -> None:
    """So many acks=all requests over a connection of their own were answered, one by one.

    More connections at a time would take the cores of those who serve (ADR 7).
    """
    own = {"message.timeout.ms": int(limit * 1000), "error_cb": heard.error}
    producer = Producer({**settings, **_PRODUCER, **own}, logger=heard)
    for _ in range(requests):
        _request(producer, partition, limit)


def _request(producer: Producer, partition: tuple[str, int], limit: float) -> None:
    topic, number = partition
    failures: list[KafkaException] = []

    def delivered(error: object, _: object) -> None:
        if error is not None:
            failures.append(KafkaException(error))

    producer.produce(topic, b"warm", partition=number, on_delivery=delivered)
    if producer.flush(limit):
        raise late(f"a request to {topic}-{number} was not answered within {limit:g} s")
    if failures:
        raise failures[0]
