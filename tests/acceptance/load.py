"""A steady load that knows nothing of the product: confluent-kafka alone, its wish on its stdin.

The first line is JSON: settings, topic, messages per second. It writes with acks=all to every
partition in turn until standard input ends, reads everything back, and prints what became of it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

READ_SECONDS = 180.0
# The client's defaults, but for what every rolling restart asks of librdkafka: it would otherwise
# sleep up to 10 s before it connects again.
PATIENT: Mapping[str, Any] = {
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 200,
    "retry.backoff.ms": 20,
    "retry.backoff.max.ms": 200,
    "topic.metadata.refresh.fast.interval.ms": 20,
}


class Load:
    """Numbered messages, and when each partition acknowledged last."""

    def __init__(self, settings: Mapping[str, Any], topic: str) -> None:
        self.settings, self.topic = {**settings, **PATIENT}, topic
        self.acknowledged: set[str] = set()
        self.failed: Counter[str] = Counter()
        self.last: dict[int, float] = {}
        self.gaps: dict[int, float] = {}
        self.raised = self.sent = 0
        self.producer = Producer(
            {**self.settings, "acks": "all", "enable.idempotence": True, "linger.ms": 5}
        )
        self.partitions = sorted(
            self.producer.list_topics(topic, timeout=30).topics[topic].partitions
        )

    def write(self, per_second: float, over: threading.Event) -> None:
        """Writes until it is over and everything is acknowledged or has failed."""
        due = time.monotonic()
        while not over.is_set():
            partition = self.partitions[self.sent % len(self.partitions)]
            try:
                self.producer.produce(
                    self.topic, str(self.sent), partition=partition, on_delivery=self._delivered
                )
                self.sent += 1
            except (BufferError, KafkaException):
                self.raised += 1
            due += 1 / per_second
            self.producer.poll(max(0.0, due - time.monotonic()))
        self.producer.flush(120)

    def read(self) -> Counter[str]:
        """How often each message is there."""
        consumer = Consumer({**self.settings, "group.id": "load", "enable.auto.commit": False})
        places = [TopicPartition(self.topic, number) for number in self.partitions]
        ends = {
            place.partition: consumer.get_watermark_offsets(place, timeout=30)[1]
            for place in places
        }
        for place in places:
            place.offset = 0
        consumer.assign(places)
        found: Counter[str] = Counter()
        deadline, expected = time.monotonic() + READ_SECONDS, sum(ends.values())
        while found.total() < expected and time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                found[(message.value() or b"").decode()] += 1
        consumer.close()
        return found

    def _delivered(self, error: Any, message: Message) -> None:
        if error is not None:
            self.failed[error.name()] += 1
            return
        now, partition = time.monotonic(), message.partition() or 0
        self.acknowledged.add((message.value() or b"").decode())
        waited = now - self.last.get(partition, now)
        self.gaps[partition] = max(waited, self.gaps.get(partition, 0.0))
        self.last[partition] = now


def main() -> None:
    """Reads the wish, writes until standard input ends, tells what became of it."""
    wish = json.loads(sys.stdin.readline())
    load, over = Load(wish["settings"], wish["topic"]), threading.Event()
    writing = threading.Thread(target=load.write, args=(wish["per_second"], over))
    writing.start()
    print("writing", flush=True)
    sys.stdin.read()
    over.set()
    writing.join()
    found = load.read()
    answer = {
        "sent": load.sent,
        "acknowledged": len(load.acknowledged),
        "failed": dict(load.failed),
        "raised": load.raised,
        "lost": len(load.acknowledged - found.keys()),
        "duplicated": sum(count - 1 for count in found.values()),
        "worst_gap": round(max(load.gaps.values(), default=0.0), 3),
        "gaps": {str(number): round(gap, 3) for number, gap in sorted(load.gaps.items())},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
