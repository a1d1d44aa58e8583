"""What goes wrong on the way: the sentence, the status, the page, and who finishes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flows.domain.errors import EffectFailed, GateTimeout, ServiceError
from flows.domain.instance import Machine, Status, UnitState
from flows.domain.operations import OperationStatus, Rating
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.steps.hosts import on_each
from tests.flows.worlds import (
    DEMO,
    GOODBYE,
    PLAIN,
    Clinging,
    Interlude,
    created,
    refused,
    replace_provider,
    the_row,
)
from tests.world.machines import FakeAnsible, FakeHost
from tests.world.world import World

Harm = Callable[[World], None]


def second(world: World) -> FakeHost:
    """The machine of broker 2."""
    return world.provider.hosts["t0000001-2-1"]


def switch_off(world: World) -> None:
    """Broker 2's machine does not answer."""
    second(world).running = False


def lose_java(world: World) -> None:
    """Broker 2's machine has no Java."""
    second(world).facts = {"java": "", "memory_mb": 1}


def stop_zookeeper(world: World) -> None:
    """A node of the ensemble ended."""
    second(world).zookeeper = UnitState.FAILED


def stop_kafka(world: World) -> None:
    """A broker ended."""
    second(world).kafka = UnitState.FAILED


def lose_the_quorum(world: World) -> None:
    """No node of the ensemble is left."""
    for host in world.provider.hosts.values():
        host.zookeeper = UnitState.FAILED


def lose_a_message(world: World) -> None:
    """A message that was acknowledged does not come back."""
    world.kafka.clusters["t0000001"].loses = 1


FAILURES: list[tuple[str, Any, type[ServiceError], str]] = [
    (
        "wait until every machine answers over SSH",
        switch_off,
        GateTimeout,
        "waited 90 s until every machine answers over SSH, in vain: no SSH answer from "
        "t0000001-2-1",
    ),
    (
        "preflight: SSH, clock, disk, memory, ports, names, Java",
        lose_java,
        EffectFailed,
        "preflight: t0000001-2-1: it has 1 MB of memory, 4096 MB are needed; "
        "t0000001-2-1: it has no Java; OpenJDK 11 or 17 is needed "
        "(apt-get install openjdk-17-jre-headless)",
    ),
    (
        "wait until ZooKeeper's ensemble serves",
        stop_zookeeper,
        GateTimeout,
        "waited 60 s until ZooKeeper's ensemble serves, in vain: ZooKeeper does not serve yet "
        "on broker 2",
    ),
    (
        "wait until every broker is registered",
        stop_kafka,
        GateTimeout,
        "waited 180 s until every broker is registered, in vain: not registered in ZooKeeper: "
        "broker 2",
    ),
    (
        "wait until the metadata holds every broker",
        stop_kafka,
        GateTimeout,
        "waited 180 s until the metadata holds every broker, in vain: missing in the metadata: "
        "broker 2",
    ),
    (
        "wait until the metadata holds every broker",
        lose_the_quorum,
        GateTimeout,
        "waited 180 s until the metadata holds every broker, in vain: ZooKeeper of demo has no "
        "quorum",
    ),
    (
        "prove it: produce and consume through every broker",
        lose_a_message,
        EffectFailed,
        "proof: 9 messages were acknowledged and 8 came back",
    ),
]


@pytest.mark.parametrize(
    ("title", "harm", "kind", "sentence"), FAILURES, ids=[each[1].__name__ for each in FAILURES]
)
def test_a_creation_that_fails_says_why_and_leaves_nothing(
    title: str, harm: Harm, kind: type[ServiceError], sentence: str
) -> None:
    world = World()
    stage = Interlude(title, lambda: harm(world))
    with pytest.raises(kind) as caught:
        world.ask(create_instance, DEMO, stage=stage)
    assert str(caught.value) == sentence

    assert world.records.living() == ()
    assert world.provider.hosts == {}
    assert world.secrets.kept == {}
    assert world.records.rows["t0000001"].reason == sentence
    (line,) = world.records.history("demo")
    assert (line.status, line.reason) == (OperationStatus.FAILED, sentence)
    trace = world.records.audit[-1]
    assert (trace.name, trace.result, trace.rating) == (
        "createDMSInstanceTaskFailure",
        sentence,
        Rating.INCIDENT,
    )
    page = stage.pages["report"]
    assert page.startswith(f"# Create instance: failed\n\n{sentence}\n")
    assert f"| {title} |" in page
    (failed,) = [row for row in page.splitlines() if row.endswith("| failed |")]
    assert failed.startswith(f"| {title} |")


def test_waiting_ends_at_its_limit_and_not_before() -> None:
    world = World()
    stage = Interlude("wait until ZooKeeper's ensemble serves", lambda: stop_zookeeper(world))
    with pytest.raises(GateTimeout):
        world.ask(create_instance, PLAIN, stage=stage)
    assert 60 <= world.clock.seconds < 61


def test_what_becomes_true_while_waiting_is_enough() -> None:
    world = World()
    title = "wait until every machine answers over SSH"
    stage = Interlude(title, lambda: switch_off(world))

    class Returning(type(world.clock)):  # type: ignore[misc]
        def pause(self, seconds: float) -> None:
            super().pause(seconds)
            if self.seconds > 30:
                second(world).running = True

    world.clock.__class__ = Returning
    world.ask(create_instance, PLAIN, stage=stage)
    assert the_row(world).status is Status.RUNNING
    assert 30 < world.clock.seconds < 31


def test_a_creation_that_cannot_be_removed_stays_in_deleting_until_it_is_deleted() -> None:
    world = World()
    provider = replace_provider(world, Clinging)
    stage = Interlude("start brokers", lambda: stop_zookeeper(world))
    world.kafka.clusters["t0000001"].loses = 1
    with pytest.raises(EffectFailed, match="proof: 9 messages"):
        world.ask(create_instance, PLAIN, stage=stage)

    row = the_row(world)
    assert row.status is Status.DELETING
    assert row.reason == "proof: 9 messages were acknowledged and 8 came back"
    assert stage.lines[-1] == (
        "the removal failed too: lab: the disk is busy; delete-instance finishes it"
    )
    assert refused(world, create_instance, PLAIN).startswith(
        'name "demo": the instance of that name is being deleted'
    )
    assert refused(world, create_instance, {"name": "demo", "brokers": 4}).startswith(
        'name "demo": an instance of that name exists with other parameters'
    )

    provider.clings = False
    world.ask(delete_instance, GOODBYE, who="grace")
    assert world.records.living() == ()
    assert world.provider.hosts == {}
    assert world.secrets.kept == {}


def test_a_deletion_that_fails_stays_in_deleting_and_is_finished_by_the_next() -> None:
    world = created(DEMO)
    provider = replace_provider(world, Clinging)
    with pytest.raises(EffectFailed) as caught:
        world.ask(delete_instance, GOODBYE)
    assert str(caught.value) == "lab: the disk is busy"
    row = the_row(world)
    assert (row.status, row.reason) == (Status.DELETING, "lab: the disk is busy")
    assert world.stage.lines == [
        "the instance stays in Deleting; run delete-instance again to finish"
    ]
    assert world.records.audit[-1].name == "deleteDMSInstanceTaskFailure"
    assert world.stage.pages["report"].startswith("# Delete instance: failed\n")

    provider.clings = False
    world.ask(delete_instance, GOODBYE)
    assert world.records.living() == ()
    assert world.records.audit[-1].name == "deleteDMSInstanceTaskSuccess"


def test_a_deletion_needs_no_machine_that_answers() -> None:
    world = created(DEMO)
    for host in world.provider.hosts.values():
        host.running = False
    world.ask(delete_instance, GOODBYE)
    assert world.records.living() == ()


class Sloppy(FakeAnsible):
    """Cleans all machines but the second one."""

    def _clean(self, play: Any, machine: Machine) -> int:
        return 0 if machine.broker == 2 else super()._clean(play, machine)


class Fainting(FakeAnsible):
    """Loses the second machine while it cleans it."""

    def _clean(self, play: Any, machine: Machine) -> int:
        changed = super()._clean(play, machine)
        self._hosts[machine.name].running = machine.broker != 2
        return changed


@pytest.mark.parametrize("kind", [Sloppy, Fainting])
def test_hosts_that_outlive_their_instance_are_looked_at_after_cleaning(
    kind: type[FakeAnsible],
) -> None:
    world = created(DEMO)
    world.provider.keeps_machines = True
    world.ansible = kind(world.effects, world.provider)
    with pytest.raises(EffectFailed) as caught:
        world.ask(delete_instance, GOODBYE)
    assert str(caught.value) == "clean_host.yml: something of ours is left on t0000001-2-1"
    assert the_row(world).status is Status.DELETING
    assert len(world.provider.hosts) == 3


def test_a_success_leaves_a_page_with_every_step_and_its_seconds() -> None:
    world = created()
    page = world.stage.pages["report"]
    assert page.startswith("# Create instance: successful\n\nCreate instance demo: done\n")
    assert "| make machines | 0.0 | done |" in page
    assert "| prove it: produce and consume through every broker | 0.0 | done |" in page
    assert "failed" not in page
    assert "9 messages produced and consumed, first acknowledged after 0.5 s" in world.stage.lines


def test_a_success_leaves_its_line_and_its_traces() -> None:
    world = created()
    (line,) = world.records.history("demo")
    assert (line.status, line.reason) == (
        OperationStatus.SUCCESSFUL,
        "Create instance demo: done",
    )
    assert line.result == {"instance": "demo", "id": "t0000001", "plan": line.result["plan"]}
    assert line.request == PLAIN
    assert [(trace.name, trace.result) for trace in world.records.audit] == [
        ("createDMSInstanceOrderSuccess", "accepted as operation 1"),
        ("createDMSInstanceTaskSuccess", "Create instance demo: done"),
    ]
    assert {trace.rating for trace in world.records.audit} == {Rating.NORMAL}


def test_an_error_that_nobody_expected_is_a_failure_with_its_kind() -> None:
    world = World()

    def breaks() -> None:
        raise KeyError("lost")

    with pytest.raises(EffectFailed) as caught:
        world.ask(create_instance, PLAIN, stage=Interlude("start brokers", breaks))
    assert str(caught.value) == "an error that nobody expected, KeyError: 'lost'"
    assert isinstance(caught.value.__cause__, KeyError)
    assert world.records.living() == ()


def test_each_machine_is_worked_on_and_the_first_failure_is_told_after_all() -> None:
    done = []

    def work(number: int) -> int:
        done.append(number)
        if number in (2, 4):
            raise EffectFailed(f"machine {number}")
        return number * 10

    with pytest.raises(EffectFailed, match="machine 2"):
        on_each(work, [1, 2, 3, 4, 5])
    assert sorted(done) == [1, 2, 3, 4, 5]
    assert on_each(lambda number: number * 10, [3, 1, 2]) == [30, 10, 20]
