"""Plans that are only shown, plans that were approved, and plans that are empty."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from flows.domain.instance import Status
from flows.domain.operations import OperationStatus
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.procedures.operation import Operation
from tests.flows.worlds import BLOCK, DEMO, GOODBYE, PLAIN, created, refused, the_row
from tests.world.world import World

AnyOperation = Operation[Any, Any]
CASES = [(create_instance, PLAIN, World), (delete_instance, GOODBYE, created)]


def shown_hash(world: World, operation: AnyOperation, wish: Mapping[str, Any]) -> str:
    """The hash of the plan, as a person finds it on the page."""
    outcome = world.ask(operation, {**wish, "plan_only": True})
    (digest,) = re.findall(r"Plan hash: `(\w+)`", world.stage.pages["plan"])
    assert outcome.result["plan"] == digest
    return str(digest)


@pytest.mark.parametrize(("operation", "wish", "begin"), CASES, ids=["create", "delete"])
def test_a_plan_that_is_only_shown_changes_nothing(
    operation: AnyOperation, wish: Mapping[str, Any], begin: Any
) -> None:
    world: World = begin()
    rows = dict(world.records.rows)
    outcome = world.ask(operation, {**wish, "plan_only": True})
    assert world.effects.log == ["FakeRecords.note"]
    assert world.records.rows == rows
    assert not outcome.changed
    digest = outcome.result["plan"]
    assert outcome.sentence.endswith(f"demo: plan {digest} shown, nothing was changed")
    line = world.records.history("demo")[0]
    assert line.status is OperationStatus.SUCCESSFUL
    assert line.reason == f"plan {digest} shown, nothing was changed"
    assert line.finished is not None
    assert f"Plan hash: `{digest}`" in world.stage.pages["plan"]


def test_the_plan_of_a_creation_says_what_will_be_made() -> None:
    world = World()
    world.ask(create_instance, {**DEMO, "availability_zones": 3, "plan_only": True})
    page = world.stage.pages["plan"]
    assert "| broker 2 | make a machine in zone-2: 2 vCPUs, 4 GB, 100 GB of disk |" in page
    assert "| broker 3 | deliver and start Kafka 2.7.2 and ZooKeeper |" in page
    assert "capacity_policy delete-oldest: recorded, not yet enforced" in page


def test_the_block_of_a_request_that_only_looked_is_gone() -> None:
    world = World()
    world.secrets.blocks = {BLOCK: "Br0ker-Rules"}
    world.ask(create_instance, {**DEMO, "first_user_password": BLOCK, "plan_only": True})
    assert world.secrets.blocks == {}
    assert world.secrets.kept == {}


@pytest.mark.parametrize(("operation", "wish", "begin"), CASES, ids=["create", "delete"])
def test_an_approved_plan_is_carried_out_as_long_as_it_is_that_one(
    operation: AnyOperation, wish: Mapping[str, Any], begin: Any
) -> None:
    world: World = begin()
    digest = shown_hash(world, operation, wish)
    outcome = world.ask(operation, {**wish, "approved_plan": digest})
    assert outcome.changed
    assert outcome.result["plan"] == digest


@pytest.mark.parametrize(("operation", "wish", "begin"), CASES, ids=["create", "delete"])
def test_another_plan_than_the_approved_one_is_refused(
    operation: AnyOperation, wish: Mapping[str, Any], begin: Any
) -> None:
    world: World = begin()
    digest = shown_hash(world, operation, wish)
    rows, hosts = dict(world.records.rows), dict(world.provider.hosts)
    assert refused(world, operation, {**wish, "approved_plan": "abc123"}) == (
        f'approved_plan "abc123": the plan is {digest} now; look at it with plan_only and '
        "approve that one"
    )
    assert (world.records.rows, world.provider.hosts) == (rows, hosts)


def test_an_approval_of_one_wish_does_not_hold_for_another() -> None:
    world = World()
    digest = shown_hash(world, create_instance, DEMO)
    assert "the plan is" in refused(world, create_instance, {**PLAIN, "approved_plan": digest})


def test_an_instance_that_is_finished_leaves_nothing_to_do() -> None:
    world = created(DEMO)
    outcome = world.ask(create_instance, DEMO)
    assert (outcome.sentence, outcome.changed) == (
        "Create instance demo: nothing to do",
        False,
    )
    assert world.effects.log == ["FakeRecords.note"]
    assert "Nothing to do" in world.stage.pages["plan"]
    assert world.records.history("demo")[0].reason == "nothing to do"


def test_a_faulty_instance_is_not_created_again() -> None:
    world = created()
    world.records.set_status("t0000001", Status.FAULTY)
    assert not world.ask(create_instance, PLAIN).changed
    assert the_row(world).status is Status.FAULTY


@pytest.mark.parametrize("known_as", ["demo", "t0000001"])
def test_a_deleted_instance_is_nothing_to_do(known_as: str) -> None:
    world = created()
    world.ask(delete_instance, {"instance": known_as, "confirm": "demo"})
    world.effects.log.clear()
    outcome = world.ask(delete_instance, {"instance": known_as, "confirm": "demo"})
    assert (outcome.sentence, outcome.changed) == (
        "Delete instance demo: nothing to do",
        False,
    )
    assert world.effects.log == ["FakeRecords.note"]


def test_a_name_is_free_again_once_its_instance_is_deleted() -> None:
    world = created()
    world.ask(delete_instance, GOODBYE)
    world.ask(create_instance, {"name": "demo", "brokers": 4})
    assert the_row(world).id != "t0000001"
    assert len(world.provider.hosts) == 4


@pytest.mark.parametrize(
    ("operation", "raw", "name"),
    [
        (create_instance, {"name": "demo"}, "create instance demo"),
        (create_instance, {}, "create instance (name missing)"),
        (delete_instance, GOODBYE, "delete instance demo"),
    ],
)
def test_a_run_is_called_by_what_it_does(
    operation: AnyOperation, raw: Mapping[str, Any], name: str
) -> None:
    assert operation.run_name(raw) == name


def test_operations_are_called_in_kebab_case_and_say_what_they_do() -> None:
    assert (create_instance.name, create_instance.title) == ("create-instance", "Create instance")
    assert (delete_instance.name, delete_instance.title) == ("delete-instance", "Delete instance")
    for operation in (create_instance, delete_instance):
        assert "Safe to run again" in operation.description
