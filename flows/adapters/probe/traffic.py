"""The probe's two clients: one writes to every partition all the time, one reads it all back.

Nothing is judged here: every gap between two acknowledgements, or two messages read, of one
partition is kept as it was seen.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

SHORTEST_GAP_SECONDS = 0.1
MOST_GAPS = 5_000
"""The longest ones are kept when there are more."""
PERIOD_SECONDS, MOST_PER_SECOND = 0.05, 150
MANY_PRODUCERS = 8

_PRODUCER: Mapping[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 5,
    "message.timeout.ms": 120_000,
}
# Kafka 2.7 lets TLS requests that come together wait for whatever else its network thread hears of,
# up to 0.3 s each: that would be counted as a gap, with no broker away. Hundreds of partitions,
# each of them a request of its own, would not get through one after the other.
_ONE_AFTER_THE_OTHER: Mapping[str, Any] = {"max.in.flight": 1}
# The library insists on a group; nothing is ever committed for it.
_CONSUMER: Mapping[str, Any] = {
    "group.id": "__fleet_probe",
    "enable.auto.commit": False,
    "auto.offset.reset": "error",
    "fetch.wait.max.ms": 50,
    "fetch.error.backoff.ms": 20,
}
# A fetch of this library names every partition it reads. With hundreds of them, a fetch for each
# message would keep the brokers busier than all else; nothing is told by when they are read.
_SELDOM: Mapping[str, Any] = {"fetch.wait.max.ms": 1000, "fetch.min.bytes": 1_000_000}

RawGap = tuple[str, int, float, float]
"""What was silent (`write` or `read`), which partition, when it was heard of last, and next."""


@dataclass
class Gaps:
    """When each partition was last heard of, and how long it was silent before.

    `found` are all gaps, `untold` those that nobody took yet.
    """

    kind: str
    last: dict[int, float] = field(default_factory=dict)
    found: list[RawGap] = field(default_factory=list)
    untold: deque[RawGap] = field(default_factory=deque)

    def heard(self, partition: int, since: float = 0.0) -> None:
        """Something of the partition came just now; before `since` nobody waited for it."""
        now, before = time.monotonic(), self.last.get(partition)
        self.last[partition] = now
        if before is None:
            return
        before = max(before, since)
        if now - before >= SHORTEST_GAP_SECONDS:
            gap = (self.kind, partition, before, now)
            self.found.append(gap)
            self.untold.append(gap)
            if len(self.found) > 2 * MOST_GAPS:
                self.found = sorted(self.found, key=lambda gap: gap[2] - gap[3])[:MOST_GAPS]

    def take(self) -> list[RawGap]:
        """What was found since it was asked last; another thread may find more meanwhile."""
        return [self.untold.popleft() for _ in range(len(self.untold))]


class Writer:
    """Sends numbered messages to all partitions in turn, idempotent and with acks=all.

    With `seldom` a partition gets a message every few seconds only: then it is silent as long as
    a message waits, and not as long as there is none. So many partitions are written to by several
    producers, as those of applications are: a broker answers one request of a connection after
    the other, each of them is for one partition, and a queue that grew would count as a gap.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        topic: str,
        heard: Mapping[str, Any],
        *,
        seldom: bool = False,
    ) -> None:
        self.gaps = Gaps("write")
        self.sent = 0
        self.acknowledged: set[tuple[int, int]] = set()
        self.errors: list[str] = []
        self.token = token_hex(8)
        self._topic = topic
        self._seldom = seldom
        self._next: Counter[int] = Counter()
        own = _PRODUCER if seldom else {**_PRODUCER, **_ONE_AFTER_THE_OTHER}
        number = MANY_PRODUCERS if seldom else 1
        self._producers = [Producer({**settings, **own, **heard}) for _ in range(number)]

    def partitions(self, limit: float) -> list[int]:
        """The topic's partitions."""
        found = self._producers[0].list_topics(self._topic, timeout=limit).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def write(self, partition: int) -> None:
        """One message; when the client cannot take it now, the same number is tried later."""
        number = self._next[partition]
        value = f"{self.token} {partition} {number}"
        since = time.monotonic() if self._seldom else 0.0

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self.errors.append(error.name())
                return
            self.acknowledged.add((partition, number))
            self.gaps.heard(partition, since)

        producer = self._producers[partition % len(self._producers)]
        try:
            producer.produce(self._topic, value, partition=partition, on_delivery=delivered)
        except (BufferError, KafkaException):
            # As a broker that has just started would have it: the topic is not known.
            return
        self._next[partition] += 1
        self.sent += 1

    def listen(self, seconds: float) -> None:
        """Acknowledgements are taken for so long."""
        for producer in self._producers:
            producer.poll(seconds / len(self._producers))

    def flush(self, seconds: float) -> None:
        """What is under way has arrived; what has not counts as failed.

        A partition that still waits was silent until now: a gap that never ended is one too.
        """
        began = time.monotonic()
        for producer in self._producers:
            self.errors.extend(["_TIMED_OUT"] * producer.flush(seconds))
        for partition, count in self._next.items():
            if (partition, count - 1) not in self.acknowledged:
                self.gaps.heard(partition, began if self._seldom else 0.0)


class Reader(threading.Thread):
    """Reads all partitions from their ends on, in a thread of its own."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        heard: Mapping[str, Any],
        token: str,
        *,
        seldom: bool = False,
    ) -> None:
        super().__init__(daemon=True)
        self.gaps = Gaps("read")
        self.seen: Counter[tuple[int, int]] = Counter()
        self._token = token
        self._over = threading.Event()
        own = {**_CONSUMER, **_SELDOM} if seldom else _CONSUMER
        self._consumer = Consumer({**settings, **own, **heard})
        self._admin = AdminClient({**settings, **heard})

    def begin(self, topic: str, partitions: list[int], limit: float) -> None:
        """What is written from now on will be read."""
        end = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(topic, number): end for number in partitions}
        # All at once: one by one each of them would take its turn, and hundreds a minute.
        told = self._admin.list_offsets(asked, request_timeout=limit)
        self._consumer.assign(
            [TopicPartition(topic, each.partition, told[each].result().offset) for each in asked]
        )
        self.start()

    def run(self) -> None:
        """Reads until the end."""
        while not self._over.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self._take(message)

    def stop(self) -> None:
        """Reads no more."""
        self._over.set()
        self.join(timeout=5)
        self._consumer.close()

    def _take(self, message: Message) -> None:
        token, _, rest = (message.value() or b"").decode(errors="replace").partition(" ")
        # Others write here too: proofs, and requests that only warm a broker.
        if token == self._token:
            partition, _, number = rest.partition(" ")
            self.seen[int(partition), int(number)] += 1
            self.gaps.heard(int(partition))
