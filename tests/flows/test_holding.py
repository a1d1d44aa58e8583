"""The running operation is the lock: refused, taken over, or stopped when it lost its instance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flows.domain.errors import EffectFailed, Refused, Superseded
from flows.domain.instance import Status, UnitState
from flows.domain.operations import OperationStatus
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.procedures.operation import Operation, Outcome
from flows.procedures.remembering import start_row
from tests.flows.worlds import (
    GOODBYE,
    PLAIN,
    Interlude,
    created,
    living_caller,
    refused,
    the_row,
)
from tests.world.effects import Killed, Trouble
from tests.world.world import World

CREATION_STEPS = [
    "make machines",
    "wait until every machine answers over SSH",
    "preflight: SSH, clock, disk, memory, ports, names, Java",
    "issue certificates",
    "unpack distributions",
    "deliver firewall, configuration and ZooKeeper",
    "wait until ZooKeeper's ensemble serves",
    "write permissions and users",
    "start brokers",
]
LOOK = "look at the instance and its provider"


def hold(world: World, who: str = "grace") -> None:
    """A living operation of somebody holds the instance."""
    row = start_row(
        "change-flavor", the_row(world), {}, living_caller(world, who), world.clock.now()
    )
    world.records.open(row)


@pytest.mark.parametrize("operation", [create_instance, delete_instance])
def test_a_second_operation_is_refused_naming_the_first(operation: Operation[Any, Any]) -> None:
    world = created()
    world.records.set_status("t0000001", Status.CREATING)
    hold(world)
    world.effects.log.clear()
    wish = PLAIN if operation is create_instance else GOODBYE
    assert refused(world, operation, wish) == (
        'instance "demo": change-flavor is running on it, asked for by grace, started '
        "2026-01-01 00:00:00 UTC, see http://ui/runs/living; one changing operation at a time "
        "is accepted"
    )
    assert the_row(world).status is Status.CREATING
    assert [name for name in world.effects.log if "Records" not in name] == []
    assert world.records.history("demo")[0].status is OperationStatus.REFUSED
    assert world.records.holder("t0000001") is not None, "the first one goes on"


def test_two_creations_of_one_name_leave_one_instance() -> None:
    world = World()

    def second() -> None:
        sentence = refused(world, create_instance, {"name": "demo", "brokers": 4})
        assert "brokers" in sentence or "create-instance is running on it" in sentence

    world.ask(create_instance, PLAIN, stage=Interlude("make machines", second))
    assert len(world.records.rows) == 1
    assert the_row(world).wish.brokers == 3


def test_a_creation_that_comes_second_between_look_and_hold_is_refused() -> None:
    """Both saw a free name; whoever holds it first makes the instance."""
    world = World()
    stage = Interlude(LOOK, lambda: world.ask(create_instance, PLAIN, who="grace"))
    with pytest.raises(Refused) as caught:
        world.ask(create_instance, {"name": "demo", "brokers": 4}, stage=stage)
    assert str(caught.value) == 'name "demo": the instance t0000003 has it; choose another'
    assert the_row(world).wish.brokers == 3
    assert len(world.provider.hosts) == 3
    assert world.records.history("demo")[0].status is OperationStatus.REFUSED


def test_the_same_creation_between_look_and_hold_leaves_nothing_to_do() -> None:
    world = created()
    world.records.set_status("t0000001", Status.CREATING)
    stage = Interlude(LOOK, lambda: world.ask(create_instance, PLAIN, who="grace"))
    outcome = world.ask(create_instance, PLAIN, stage=stage)
    assert (outcome.sentence, outcome.changed) == ("Create instance demo: nothing to do", False)
    assert the_row(world).status is Status.RUNNING
    assert "nothing to do" in stage.pages["report"]


def test_an_instance_that_was_deleted_between_look_and_hold_does_not_come_back() -> None:
    world = created()
    world.records.set_status("t0000001", Status.CREATING)
    stage = Interlude(LOOK, lambda: world.ask(delete_instance, GOODBYE, who="grace"))
    with pytest.raises(Refused) as caught:
        world.ask(create_instance, PLAIN, stage=stage)
    assert str(caught.value) == (
        'name "demo": the instance of that name is Deleted; what was begun must be finished '
        "first, or choose another name"
    )
    assert world.records.living() == ()
    assert world.provider.hosts == {}


def killed(world: World) -> None:
    """A creation dies in the middle."""
    world.effects.trouble_at, world.effects.trouble = 20, Trouble.KILLED_AFTER
    with pytest.raises(Killed):
        world.ask(create_instance, PLAIN)
    world.effects.heal()


def test_a_dead_operation_is_taken_over_by_whoever_asks() -> None:
    world = World()
    killed(world)
    assert the_row(world).status is Status.CREATING
    assert world.ask(create_instance, PLAIN, who="grace").changed
    newest, oldest = world.records.history("demo")
    assert (newest.status, newest.caller.asked_by) == (OperationStatus.SUCCESSFUL, "grace")
    assert oldest.status is OperationStatus.INTERRUPTED
    assert oldest.reason == (
        "its process ended without a report; create-instance of grace took over"
    )
    assert newest.epoch > oldest.epoch, "hosts refuse a lower one"


def test_a_killed_creation_with_other_parameters_is_refused() -> None:
    world = World()
    killed(world)
    other = {"name": "demo", "sasl_ssl": True, "first_user": "bobby"}
    assert refused(world, create_instance, other) == (
        'name "demo": an instance of that name exists with other parameters: sasl_ssl, first_user'
    )


def taken_over(world: World, by: Callable[[], Outcome]) -> Callable[[], None]:
    """The first run is thought dead, and somebody else finishes its work."""

    def happens() -> None:
        world.processes.dead.add("run-1")
        by()

    return happens


@pytest.mark.parametrize("title", CREATION_STEPS)
def test_a_run_that_lost_its_instance_stops_at_its_next_step(title: str) -> None:
    world = World()
    heir = taken_over(world, lambda: world.ask(create_instance, PLAIN, who="grace"))
    stage = Interlude(title, heir)
    with pytest.raises(Superseded) as caught:
        world.ask(create_instance, PLAIN, stage=stage)
    assert str(caught.value) == (
        "operation 1 does not hold instance t0000001 any more; another one took it over and goes on"
    )
    assert the_row(world).status is Status.RUNNING
    assert all(host.kafka_starts <= 1 for host in world.provider.hosts.values())
    first = world.records.history("demo")[-1]
    assert first.status is OperationStatus.INTERRUPTED
    assert stage.pages["report"].startswith("# Create instance: interrupted\n")


def test_a_run_that_lost_its_instance_at_its_last_step_says_nothing_of_it() -> None:
    world = World()
    heir = taken_over(world, lambda: world.ask(delete_instance, GOODBYE, who="grace"))
    with pytest.raises(Superseded):
        world.ask(create_instance, PLAIN, stage=Interlude("look at the new instance", heir))
    assert [row.status for row in world.records.rows.values()] == [Status.DELETED]
    assert world.provider.hosts == {}


def test_a_failure_of_a_run_that_lost_its_instance_does_not_remove_the_heirs_work() -> None:
    world = World()
    heir = taken_over(world, lambda: world.ask(create_instance, PLAIN, who="grace"))

    def fails() -> None:
        heir()
        raise EffectFailed("ssh: the line was cut")

    with pytest.raises(Superseded):
        world.ask(create_instance, PLAIN, stage=Interlude("start brokers", fails))
    assert the_row(world).status is Status.RUNNING
    assert all(host.kafka is UnitState.ACTIVE for host in world.provider.hosts.values())


def test_a_removal_that_lost_its_instance_leaves_it_to_the_heir() -> None:
    """The creation failed, and somebody else took over while it cleaned up."""
    world = World()
    heir = taken_over(world, lambda: world.ask(create_instance, PLAIN, who="grace"))

    class Twice(Interlude):
        def step(self, title: str, work: Callable[[], Any]) -> Any:
            if title == "start brokers" and not world.processes.dead:
                raise EffectFailed("ssh: the line was cut")
            return super().step(title, work)

    with pytest.raises(Superseded):
        world.ask(create_instance, PLAIN, stage=Twice("clean hosts", heir))
    assert the_row(world).status is Status.RUNNING
