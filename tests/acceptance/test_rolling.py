"""A rolling restart under a client's load, its engine killed in the middle: nothing is lost.

What is counted on the brokers are the start times of their processes, as systemd tells them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.domain.cluster import NewTopic
from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane, wait_until

LOAD = Path(__file__).parent / "load.py"
PARTITIONS, PER_SECOND = 24, 120


@dataclass
class Told:
    """What the load said in the end."""

    answer: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def topic(plane: Plane, demo: Demo) -> str:
    """24 partitions, three replicas, two of them in sync."""
    turns = [(1, 2, 3), (2, 3, 1), (3, 1, 2)]
    assignment = {number: turns[number % 3] for number in range(PARTITIONS)}
    safe = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
    plane.doors.kafka.create_topic(demo.instance, NewTopic("rolled", assignment, safe))
    return "rolled"


def test_a_restart_that_was_killed_is_finished_and_loses_nothing(
    plane: Plane, demo: Demo, topic: str
) -> None:
    before = started(plane, demo)
    with load(plane, demo, topic) as told:
        first = plane.start("run", "restart-instance", "instance=demo")
        wait_until(lambda: changed(before, started(plane, demo)), "a broker started anew", 120)
        os.kill(engine(plane), signal.SIGKILL)
        first.communicate(timeout=120)
        at_the_kill = started(plane, demo)
        plane.succeeds("run", "restart-instance", "instance=demo", "stall_budget=60")
    after = started(plane, demo)

    done = changed(before, at_the_kill)
    assert 0 < len(done) < 3
    assert changed(before, after) == {1, 2, 3}
    assert not changed(at_the_kill, after) & done, "a healthy broker was restarted twice"

    assert told.answer["failed"] == {}
    assert (told.answer["lost"], told.answer["duplicated"]) == (0, 0)
    assert told.answer["acknowledged"] == told.answer["sent"] > 500

    newest, cut_off = plane.json("history", "demo")[:2]
    assert (newest["operation"], newest["status"]) == ("restart-instance", "successful")
    assert (cut_off["operation"], cut_off["status"]) == ("restart-instance", "interrupted")
    assert plane.json("show", "demo")["status"] == "Running"


def test_what_clients_felt_is_kept(plane: Plane, demo: Demo) -> None:
    row = plane.doors.records.history("demo")[0]
    felt = row.result["probe"]
    assert (felt["lost"], felt["duplicated"], felt["errors"]) == (0, 0, [])
    assert felt["sent"] == felt["acknowledged"] > 100
    assert all(each["write_gap"] >= 0 for each in felt["brokers"].values())


def test_a_topic_that_cannot_spare_its_broker_is_named(plane: Plane, demo: Demo) -> None:
    plane.doors.kafka.create_topic(demo.instance, NewTopic("single", {0: (2,)}))
    refused = plane.fleet("run", "restart-instance", "instance=demo")
    assert refused.returncode == 2
    assert "single-0 cannot be read, or written with acks=all" in refused.stderr


def started(plane: Plane, demo: Demo) -> Mapping[int, float | None]:
    """Broker -> when its process was started; None while it does not run or nobody answers."""
    hosts = plane.doors.hosts(demo.instance.id)
    states = {
        broker.id: hosts.observe(broker.machine)
        for broker in demo.instance.brokers
        if broker.machine
    }
    return {number: state.kafka_started if state else None for number, state in states.items()}


def changed(before: Mapping[int, float | None], after: Mapping[int, float | None]) -> set[int]:
    """The brokers whose process is another one."""
    return {number for number, when in after.items() if when not in (None, before[number])}


def engine(plane: Plane) -> int:
    """The process that carries the operation out."""
    row = plane.doors.records.find("demo")
    holder = plane.doors.records.holder(row.id) if row else None
    assert holder is not None
    return holder.caller.run.pid


@contextmanager
def load(plane: Plane, demo: Demo, topic: str) -> Iterator[Told]:
    """A client in the network of the instance writes all the time."""
    namespace = plane.lab.client("lan").netns
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
        wish = {"settings": demo.settings(), "topic": topic, "per_second": PER_SECOND}
        process.stdin.write(json.dumps(wish) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "writing\n"
        yield told
        out, _ = process.communicate(timeout=240)
        told.answer = json.loads(out)
    finally:
        process.kill()
        process.wait()
