"""Killed or failed at every single effect, a second run finishes (DESIGN 9)."""

from __future__ import annotations

import pytest

from flows.domain.instance import Status, UnitState
from flows.domain.operations import OperationStatus
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from tests.flows.worlds import DEMO, GOODBYE, created, cut_off, effects_of
from tests.world.effects import Trouble
from tests.world.world import World

CREATION_EFFECTS = effects_of(World(), create_instance, DEMO)
RECORDING_THE_END = 3
"""Status, trace and row: the creation itself has succeeded by then."""
DELETION_EFFECTS = effects_of(created(DEMO), delete_instance, GOODBYE)


def assert_whole(world: World) -> None:
    """Exactly one running instance, every broker started exactly once for it."""
    (row,) = world.records.living()
    assert row.status is Status.RUNNING
    hosts = world.provider.hosts
    assert len(hosts) == 3
    assert all(host.kafka is UnitState.ACTIVE for host in hosts.values())
    assert all(host.kafka_starts == 1 for host in hosts.values())
    assert world.records.holder(row.id) is None


def assert_gone(world: World) -> None:
    """Nothing is left but history."""
    assert world.records.living() == ()
    assert world.provider.hosts == {}
    assert world.secrets.kept == {}
    assert not any(world.records.holder(instance) for instance in world.records.rows)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(CREATION_EFFECTS))
def test_a_creation_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = World()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, create_instance, DEMO)

    world.ask(create_instance, DEMO, who="grace")
    assert_whole(world)

    third = world.ask(create_instance, DEMO)
    assert not third.changed
    assert "nothing to do" in third.sentence


@pytest.mark.parametrize("trouble", [Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER])
@pytest.mark.parametrize("at", range(CREATION_EFFECTS))
def test_a_killed_creation_can_be_deleted_by_anybody(at: int, trouble: Trouble) -> None:
    world = World()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, create_instance, DEMO)

    if world.records.find("demo"):
        world.ask(delete_instance, GOODBYE, who="grace")
    assert_gone(world)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(DELETION_EFFECTS))
@pytest.mark.parametrize("keeps_machines", [False, True])
def test_a_deletion_is_finished_by_the_next_run(
    at: int, trouble: Trouble, keeps_machines: bool
) -> None:
    world = created(DEMO)
    world.provider.keeps_machines = keeps_machines
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, delete_instance, GOODBYE)

    again = world.ask(delete_instance, GOODBYE)
    assert_gone(world)
    assert again.changed or "nothing to do" in again.sentence


@pytest.mark.parametrize("trouble", [Trouble.FAILS, Trouble.REPORT_LOST])
@pytest.mark.parametrize("at", range(10, CREATION_EFFECTS - RECORDING_THE_END))
def test_a_failed_creation_leaves_nothing_and_says_why(at: int, trouble: Trouble) -> None:
    world = World()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, create_instance, DEMO)

    assert_gone(world)
    (failed,) = world.records.history("demo")
    assert failed.status is OperationStatus.FAILED
    assert world.effects.log[at] in failed.reason
