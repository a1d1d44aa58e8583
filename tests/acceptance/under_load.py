"""A client's load: the topic it writes to, and which brokers were restarted meanwhile.

What is counted on the brokers are the start times of their processes, as systemd tells them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.domain.cluster import NewTopic
from inventories.lab.model import ClientNetwork
from tests.acceptance.parts import Secured
from tests.acceptance.plane import Plane

LOAD = Path(__file__).parent / "load.py"
PARTITIONS, PER_SECOND = 24, 120
SAFE = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}


@dataclass
class Told:
    """What the load said in the end."""

    answer: dict[str, Any] = field(default_factory=dict)


def spread_topic(plane: Plane, secured: Secured, name: str, partitions: int = PARTITIONS) -> str:
    """A topic with three replicas, two of them in sync; the load reads all that is in it."""
    turns = [(1, 2, 3), (2, 3, 1), (3, 1, 2)]
    assignment = {number: turns[number % 3] for number in range(partitions)}
    plane.doors.kafka.create_topic(secured.instance, NewTopic(name, assignment, SAFE))
    return name


@contextmanager
def load(
    plane: Plane, secured: Secured, topic: str, network: ClientNetwork = "lan"
) -> Iterator[Told]:
    """A client writes all the time, by default in the network of the instance."""
    namespace = plane.lab.client(network).netns
    process = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{namespace}", sys.executable, str(LOAD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = Told()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        wish = {"settings": secured.settings(), "topic": topic, "per_second": PER_SECOND}
        process.stdin.write(json.dumps(wish) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "writing\n"
        yield told
        out, _ = process.communicate(timeout=600)
        told.answer = json.loads(out)
    finally:
        process.kill()
        process.wait()


def assert_nothing_lost(answer: Mapping[str, Any]) -> None:
    """Every message was acknowledged, once, and is there."""
    assert answer["failed"] == {}
    assert (answer["lost"], answer["duplicated"]) == (0, 0)
    assert answer["acknowledged"] == answer["sent"] > 100


def started(plane: Plane, secured: Secured) -> Mapping[int, float | None]:
    """Broker -> when its process was started; None while it does not run or nobody answers."""
    hosts = plane.doors.hosts(secured.instance.id)
    states = {
        broker.id: hosts.observe(broker.machine)
        for broker in secured.instance.brokers
        if broker.machine
    }
    return {number: state.kafka_started if state else None for number, state in states.items()}


def changed(before: Mapping[int, float | None], after: Mapping[int, float | None]) -> set[int]:
    """The brokers whose process is another one."""
    return {number for number, when in after.items() if when not in (None, before[number])}


def engine(plane: Plane, name: str) -> int:
    """The process that carries the operation of an instance out."""
    pid = busy_engine(plane, name)
    assert pid is not None
    return pid


def busy_engine(plane: Plane, name: str) -> int | None:
    """The same; None while nobody holds the instance."""
    row = plane.doors.records.find(name)
    holder = plane.doors.records.holder(row.id) if row else None
    return holder.caller.run.pid if holder else None
