"""What runs in the probe's process: `python -m flows.adapters.probe.program`.

The first line on standard input is a JSON object: librdkafka's settings, a password among them,
the topic, and how many messages per second it gets where a partition gets one seldom. Every
quarter of a second a line on standard output tells what was seen, each gap once: to tell all of
them anew would soon cost more than to find them. When standard input ends, or says so, the last
line tells the sums, and all gaps.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from confluent_kafka import KafkaException

from flows.adapters.probe.traffic import MOST_PER_SECOND, PERIOD_SECONDS, Reader, Writer

TELL_SECONDS = 0.25
CONNECT_SECONDS = 45.0
FLUSH_SECONDS, READ_SECONDS = 15.0, 15.0


class Silent:
    """librdkafka's logger: no line of it goes to standard error."""

    def log(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Writes and reads until it is told to end, or nobody listens any more."""
    order = json.loads(sys.stdin.readline())
    heard: dict[str, Any] = {"logger": Silent()}
    seldom = order.get("seldom_per_second")
    writer = Writer(order["settings"], order["topic"], heard, seldom=seldom is not None)
    reader = Reader(order["settings"], heard, writer.token, seldom=seldom is not None)
    over = threading.Event()
    threading.Thread(target=_wait_for_end, args=(over,), daemon=True).start()
    partitions = _connect(writer, over)
    reader.begin(order["topic"], partitions, CONNECT_SECONDS)
    _write(writer, reader, _beat(partitions, seldom), over)
    _tell_end(writer, reader)


def _wait_for_end(over: threading.Event) -> None:
    sys.stdin.readline()
    over.set()


def _connect(writer: Writer, over: threading.Event) -> list[int]:
    """The partitions, once the login is known everywhere and each has a leader."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            found = writer.partitions(2.0)
            if found:
                return found
        except KafkaException as error:
            if time.monotonic() > deadline or over.is_set():
                _tell(error=str(error.args[0].str()))
                sys.exit(1)
            time.sleep(0.1)


@dataclass(frozen=True)
class _Beat:
    """So many of the partitions are written to every so many seconds, in turn."""

    partitions: list[int]
    at_once: int
    period: float

    def turns(self) -> Iterator[tuple[int, ...]]:
        """Who gets a message each time."""
        endless = cycle(self.partitions)
        while True:
            yield tuple(islice(endless, self.at_once))


def _beat(partitions: list[int], seldom: float | None) -> _Beat:
    if seldom is not None:
        return _Beat(partitions, 1, 1 / seldom)
    everyone = len(partitions)
    return _Beat(partitions, everyone, max(PERIOD_SECONDS, everyone / MOST_PER_SECOND))


def _write(writer: Writer, reader: Reader, beat: _Beat, over: threading.Event) -> None:
    turns, due = beat.turns(), time.monotonic()
    told = due
    while not over.is_set():
        if (now := time.monotonic()) >= due:
            due = max(due + beat.period, now)
            for partition in next(turns):
                writer.write(partition)
        writer.listen(max(0.001, min(due - time.monotonic(), 0.02)))
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            ready = len(writer.gaps.last) == len(beat.partitions)
            _tell(ready=ready, **_sight(writer, reader))


def _sight(writer: Writer, reader: Reader) -> dict[str, Any]:
    now = time.monotonic()
    silent = {str(number): now - last for number, last in writer.gaps.last.items()}
    return {"at": now, "silent": silent, "gaps": [*writer.gaps.take(), *reader.gaps.take()]}


def _tell_end(writer: Writer, reader: Reader) -> None:
    writer.flush(FLUSH_SECONDS)
    deadline = time.monotonic() + READ_SECONDS
    while writer.acknowledged - reader.seen.keys() and time.monotonic() < deadline:
        time.sleep(0.05)
    reader.stop()
    _tell(
        end={
            "sent": writer.sent,
            "acknowledged": len(writer.acknowledged),
            "lost": len(writer.acknowledged - reader.seen.keys()),
            "duplicated": sum(count - 1 for count in reader.seen.values()),
            "errors": writer.errors,
            "gaps": [*writer.gaps.found, *reader.gaps.found],
        }
    )


def _tell(**line: Any) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
