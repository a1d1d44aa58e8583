"""Failed creations and records of operations: listed, cleared, kept where they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flows.domain.errors import EffectFailed, Refused
from flows.domain.instance import Status
from flows.domain.operations import OperationStatus
from flows.instances.clear_failed_creations import clear_failed_creations
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.instances.delete_operation_records import delete_operation_records
from flows.instances.modify_instance import modify_instance
from flows.procedures.operation import Outcome
from flows.procedures.service import ServiceOperation
from flows.queries.history import failed_creations
from tests.flows.worlds import (
    BLOCK,
    DEMO,
    GOODBYE,
    Clinging,
    created,
    living_caller,
    replace_provider,
    scene,
    the_row,
)
from tests.world.effects import Killed, Trouble
from tests.world.world import World

Wish = Mapping[str, Any]


def turned_down(world: World, operation: ServiceOperation[Any, Any], wish: Wish) -> str:
    with pytest.raises(Refused) as refused:
        world.serve(operation, wish)
    return str(refused.value)


def fail_to_create(world: World, name: str, at: int = 12) -> None:
    world.effects.trouble_at = len(world.effects.log) + at
    world.effects.trouble = Trouble.FAILS
    with pytest.raises(EffectFailed):
        world.ask(create_instance, {"name": name})
    world.effects.heal()


def numbers(world: World) -> list[int]:
    return [row.epoch for row in world.records.history(None)]


def cleared(outcome: Outcome) -> list[str]:
    return list(outcome.result["cleared"])


def test_failed_creations_are_listed_and_cleared_one_by_one_and_all() -> None:
    world = World()
    for name in ("one-failed", "two-failed", "three-failed"):
        fail_to_create(world, name)
    listed = failed_creations(world.records)
    assert [line["instance"] for line in listed] == ["three-failed", "two-failed", "one-failed"]
    assert all(line["reason"].endswith("failed") and line["asked_by"] == "ada" for line in listed)

    first = world.serve(clear_failed_creations, {"names": "two-failed"})
    assert cleared(first) == ["two-failed"]
    assert first.sentence == "Clear failed creations: 1 cleared"
    again = world.serve(clear_failed_creations, {"names": "two-failed"})
    assert again.sentence == "Clear failed creations: nothing to do"
    assert cleared(world.serve(clear_failed_creations, {"all": True})) == [
        "three-failed",
        "one-failed",
    ]
    assert failed_creations(world.records) == ()
    assert "deleteDMSCreateFailureInstancesSuccess" in [
        trace.name for trace in world.records.traces("service")
    ]


def test_a_failed_creation_that_left_machines_stays_until_they_are_gone() -> None:
    world = World()
    clinging = replace_provider(world, Clinging)
    fail_to_create(world, "demo")
    assert the_row(world).status is Status.DELETING
    (row,) = world.records.history("demo")
    said = (
        f"operation {row.epoch} (create-instance of demo): its instance is Deleting, and needs it "
        "until delete-instance has finished that"
    )
    assert turned_down(world, clear_failed_creations, {"names": "demo"}) == said
    nothing = world.serve(clear_failed_creations, {"all": True})
    assert nothing.sentence == f"Clear failed creations: nothing to do; {said}"
    assert said in world.stage.pages["plan"]
    clinging.clings = False
    world.ask(delete_instance, GOODBYE)
    assert world.serve(clear_failed_creations, {"all": True}).changed


def test_finished_operations_are_deleted_by_number_and_no_number_is_given_again() -> None:
    world = created()
    world.ask(modify_instance, {"instance": "demo", "description": "first"})
    world.ask(modify_instance, {"instance": "demo", "description": "second"})
    newest, *old = numbers(world)
    gone = world.serve(delete_operation_records, {"numbers": ",".join(map(str, old))})
    assert gone.sentence == "Delete operation records: 2 deleted"
    assert numbers(world)[1:] == [newest]
    assert not world.serve(delete_operation_records, {"numbers": old[0]}).changed
    assert world.ask(modify_instance, {"instance": "demo", "description": "third"}).changed
    assert max(numbers(world)) > newest
    assert the_row(world).wish.description == "third"


def test_the_last_success_of_a_living_instance_stays() -> None:
    world = created()
    (row,) = world.records.history("demo")
    assert turned_down(world, delete_operation_records, {"numbers": row.epoch}) == (
        f"operation {row.epoch} (create-instance of demo): it made the instance what it is; it can "
        "go once a later one has succeeded"
    )
    world.ask(delete_instance, GOODBYE)
    assert world.serve(delete_operation_records, {"instance": "demo"}).changed
    assert world.records.history("demo") == ()


def test_a_running_operation_stays() -> None:
    world = created()
    row = world.records.history("demo")[0]
    asked = replace(row, caller=living_caller(world), status=OperationStatus.RUNNING)
    held = world.records.open(asked)
    said = (
        f"operation {held.epoch} (create-instance of demo): it is running; only records of "
        "finished operations are deleted"
    )
    assert turned_down(world, delete_operation_records, {"numbers": held.epoch}) == said
    assert not world.serve(delete_operation_records, {"instance": "demo"}).changed
    assert said in world.stage.pages["plan"]
    assert world.records.holds(held.epoch)


@pytest.mark.parametrize("by", ["number", "filter"])
def test_what_was_cut_off_is_still_continued_and_nothing_else_is_let_in(by: str) -> None:
    world = created()
    world.effects.trouble_at = len(world.effects.log) + 3
    world.effects.trouble = Trouble.KILLED_BEFORE
    with pytest.raises(Killed):
        world.ask(modify_instance, {"instance": "demo", "description": "first"})
    world.effects.heal()
    assert the_row(world).status is Status.CHANGING
    row = world.records.history("demo")[0]
    said = (
        f"operation {row.epoch} (modify-instance of demo): its instance is Changing, and needs it "
        "until the same request has finished that"
    )
    if by == "number":
        assert turned_down(world, delete_operation_records, {"numbers": row.epoch}) == said
    else:
        world.serve(delete_operation_records, {"instance": "demo"})
    with pytest.raises(Refused, match="was cut off, and must be finished first"):
        world.ask(modify_instance, {"instance": "demo", "description": "second"})
    assert world.ask(modify_instance, {"instance": "demo", "description": "first"}).changed
    assert world.serve(delete_operation_records, {"numbers": row.epoch}).changed


def test_a_filter_takes_what_started_in_the_period() -> None:
    world = World()
    for name in ("one-failed", "two-failed"):
        fail_to_create(world, name)
        world.clock.pause(3600)
    now = world.clock.now()
    old, young = sorted(world.records.history(None), key=lambda row: row.started)
    edge = (old.started + timedelta(minutes=1)).isoformat()
    assert world.serve(delete_operation_records, {"until": edge}).result["deleted"] == [old.epoch]
    span = f"{int((now - young.started).total_seconds()) + 60}s"
    assert world.serve(delete_operation_records, {"since": span}).changed


def test_the_block_of_a_forgotten_request_is_gone() -> None:
    world = World()
    world.secrets.blocks[BLOCK] = "Br0ker-Rules"
    world.records.note(
        replace(
            world_row(world),
            status=OperationStatus.FAILED,
            request={"first_user_password": BLOCK, "name": "demo"},
        )
    )
    world.serve(delete_operation_records, {"instance": "demo"})
    assert BLOCK not in world.secrets.blocks


def world_row(world: World) -> Any:
    """A row of the history, from another world."""
    other = created(DEMO)
    return replace(other.records.history("demo")[0], instance_id=None)


@pytest.mark.parametrize(
    ("operation", "wish", "sentence"),
    [
        (clear_failed_creations, {}, "names: name failed creations, or give all=true to clear "),
        (clear_failed_creations, {"names": "a", "all": True}, "names: they are named, and all="),
        (delete_operation_records, {}, "request: it names nothing; give numbers, instance, since"),
        (delete_operation_records, {"numbers": "1,x"}, 'numbers "x": numbers of operations, as '),
        (
            delete_operation_records,
            {"numbers": 1, "since": "1d"},
            "numbers: they name records one by one; give either them or a filter",
        ),
        (delete_operation_records, {"since": "soon"}, 'since "soon": accepted are a span before '),
        (
            delete_operation_records,
            {"since": "2026-02-01", "until": "2026-01-01"},
            'until "2026-01-01": a moment after since (2026-02-01) is accepted',
        ),
    ],
)
def test_each_refusal_has_its_sentence(
    operation: ServiceOperation[Any, Any], wish: Wish, sentence: str
) -> None:
    assert turned_down(World(), operation, wish).startswith(sentence)


@scene
def three_failed() -> World:
    world = World()
    for name in ("one-failed", "two-failed", "three-failed"):
        fail_to_create(world, name)
    world.effects.log.clear()
    return world


def effects_of_clearing() -> int:
    world = three_failed()
    world.serve(clear_failed_creations, {"all": True})
    return len(world.effects.log)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(effects_of_clearing()))
def test_clearing_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = three_failed()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.serve(clear_failed_creations, {"all": True})
    world.effects.heal()
    world.serve(clear_failed_creations, {"all": True}, who="grace")
    assert failed_creations(world.records) == ()
    assert not world.serve(clear_failed_creations, {"all": True}).changed
