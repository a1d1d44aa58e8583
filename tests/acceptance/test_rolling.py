"""A rolling restart under a client's load, its engine killed or a machine lost: nothing is lost."""

from __future__ import annotations

import os
import signal

import pytest

from flows.domain.cluster import NewTopic
from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane, wait_until
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    engine,
    load,
    spread_topic,
    started,
)

RESTART = ("run", "restart-instance", "instance=demo")
GIVEN_UP_SECONDS = 400
"""A broker that does not come back is waited for 180 s."""


def test_a_restart_that_was_killed_is_finished_and_loses_nothing(plane: Plane, demo: Demo) -> None:
    topic, before = spread_topic(plane, demo, "rolled"), started(plane, demo)
    with load(plane, demo, topic) as told:
        first = plane.start(*RESTART)
        wait_until(lambda: changed(before, started(plane, demo)), "a broker started anew", 400)
        os.kill(engine(plane, "demo"), signal.SIGKILL)
        first.communicate(timeout=300)
        at_the_kill = started(plane, demo)
        plane.succeeds(*RESTART, "stall_budget=60")
    after = started(plane, demo)

    done = changed(before, at_the_kill)
    assert 0 < len(done) < 3
    assert changed(before, after) == {1, 2, 3}
    assert not changed(at_the_kill, after) & done, "a healthy broker was restarted twice"
    assert_nothing_lost(told.answer)

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


@pytest.mark.slow
def test_a_machine_that_crashes_in_a_roll_stops_it_and_the_next_run_finishes(
    plane: Plane, demo: Demo
) -> None:
    topic, before = spread_topic(plane, demo, "crashed"), started(plane, demo)
    machines = {each.broker: each.name for each in plane.instance_machines("demo")}
    with load(plane, demo, topic) as told:
        first = plane.start(*RESTART)
        done = wait_until(lambda: changed(before, started(plane, demo)), "a broker started", 400)
        lost = wait_until(lambda: down(plane, demo) - done, "the next broker has stopped", 400)
        (crashed,) = lost
        plane.lab.crash(machines[crashed])
        _, said = first.communicate(timeout=GIVEN_UP_SECONDS)
        at_the_crash, shown = started(plane, demo), plane.json("show", "demo")
        plane.lab.start(machines[crashed])
        plane.succeeds(*RESTART, "stall_budget=60")
    after = started(plane, demo)

    assert first.returncode == 1
    assert machines[crashed] in said or f"broker {crashed}" in said
    assert shown["status"] == "Change failed"
    assert changed(before, at_the_crash) == done, "the roll went on after a broker was lost"
    assert changed(before, after) == {1, 2, 3}
    assert not changed(at_the_crash, after) & done, "a healthy broker was restarted twice"
    assert_nothing_lost(told.answer)
    assert plane.json("show", "demo")["status"] == "Running"


def test_a_topic_that_cannot_spare_its_broker_is_named(plane: Plane, demo: Demo) -> None:
    plane.doors.kafka.create_topic(demo.instance, NewTopic("single", {0: (2,)}))
    refused = plane.refused("restart-instance", "instance=demo")
    assert "single-0 cannot be read, or written with acks=all" in refused


def down(plane: Plane, demo: Demo) -> set[int]:
    """The brokers that do not run."""
    return {number for number, when in started(plane, demo).items() if when is None}
