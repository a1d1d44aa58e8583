"""Cut off anywhere, what was approved is finished under its approval, and no secret is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flows.domain.instance import Status, UnitState
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.procedures.operation import Operation
from tests.flows.worlds import (
    BLOCK,
    DEMO,
    GOODBYE,
    PLAIN,
    created,
    cut_off,
    effects_of,
    refused,
    the_row,
)
from tests.world.effects import Trouble
from tests.world.world import World

NEXT_BLOCK = "fleet-run-8"
GIVEN = "Br0ker-Rules"


def plan_of(world: World, operation: Operation[Any, Any], wish: Mapping[str, Any]) -> str:
    """The hash of the plan as it is now."""
    digest: str = world.ask(operation, {**wish, "plan_only": True}).result["plan"]
    world.effects.log.clear()
    return digest


APPROVED = {**DEMO, "approved_plan": plan_of(World(), create_instance, DEMO)}
FAREWELL = {**GOODBYE, "approved_plan": plan_of(created(DEMO), delete_instance, GOODBYE)}


def with_block(name: str) -> Mapping[str, Any]:
    """The approved creation with a password in a block."""
    return {**APPROVED, "first_user_password": name}


def new_world() -> World:
    """A world with the blocks of two runs."""
    world = World()
    world.secrets.blocks = {BLOCK: GIVEN, NEXT_BLOCK: GIVEN}
    return world


CREATION_EFFECTS = effects_of(new_world(), create_instance, with_block(BLOCK))
DELETION_EFFECTS = effects_of(created(DEMO), delete_instance, FAREWELL)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(CREATION_EFFECTS))
def test_an_approved_creation_is_finished_and_leaves_no_block(at: int, trouble: Trouble) -> None:
    world = new_world()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, create_instance, with_block(BLOCK))
    world.ask(create_instance, with_block(NEXT_BLOCK))

    assert the_row(world).status is Status.RUNNING
    assert all(host.kafka is UnitState.ACTIVE for host in world.provider.hosts.values())
    assert world.secrets.kept[the_row(world).id, "first-user-password"] == GIVEN
    assert NEXT_BLOCK not in world.secrets.blocks

    world.ask(delete_instance, GOODBYE)
    assert world.secrets.kept == {}
    unknown = at == 0 and trouble is Trouble.KILLED_BEFORE
    assert set(world.secrets.blocks) == ({BLOCK} if unknown else set()), "no line names it"


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(DELETION_EFFECTS))
def test_an_approved_deletion_that_was_cut_off_is_finished(at: int, trouble: Trouble) -> None:
    world = created(DEMO)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, delete_instance, FAREWELL)
    world.ask(delete_instance, _again(world, trouble))
    assert world.records.living() == ()
    assert world.provider.hosts == {}


def _again(world: World, trouble: Trouble) -> Mapping[str, Any]:
    """A deletion that gave up by itself is looked at anew; one that was killed was approved."""
    gave_up = trouble in (Trouble.FAILS, Trouble.REPORT_LOST)
    return GOODBYE if gave_up else FAREWELL


def killed(world: World) -> None:
    """An approved creation dies when some of its machines are made."""
    world.effects.trouble_at, world.effects.trouble = 8, Trouble.KILLED_AFTER
    cut_off(world, create_instance, APPROVED)


def test_an_approval_that_nobody_began_with_is_refused() -> None:
    world = World()
    killed(world)
    assert "the plan is" in refused(world, create_instance, {**DEMO, "approved_plan": "abc123"})
    without = world.ask(create_instance, DEMO)
    assert without.changed


def test_an_approval_of_a_creation_is_none_of_a_deletion() -> None:
    world = World()
    killed(world)
    wish = {**GOODBYE, "approved_plan": APPROVED["approved_plan"]}
    assert "the plan is" in refused(world, delete_instance, wish)


def test_an_approval_ends_with_the_operation_that_it_was_for() -> None:
    """The instance runs: what is asked now is begun anew."""
    world = World()
    killed(world)
    world.ask(create_instance, APPROVED)
    digest = plan_of(world, delete_instance, GOODBYE)
    world.effects.trouble_at, world.effects.trouble = 2, Trouble.KILLED_BEFORE
    cut_off(world, delete_instance, {**GOODBYE, "approved_plan": digest})
    assert the_row(world).status is Status.RUNNING
    world.provider.hosts.popitem()
    world.records.forget_machines(the_row(world).id)
    wish = {**GOODBYE, "approved_plan": digest}
    assert "the plan is" in refused(world, delete_instance, wish)


def test_a_creation_without_approval_needs_none_to_go_on() -> None:
    world = World()
    world.effects.trouble_at, world.effects.trouble = 8, Trouble.KILLED_AFTER
    cut_off(world, create_instance, PLAIN)
    assert world.ask(create_instance, PLAIN).changed
