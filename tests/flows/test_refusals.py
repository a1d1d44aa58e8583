"""A refused request leaves nothing but its line in the history, a trace and a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flows.adapters.site import InstanceRow
from flows.adapters.stage import PlainStage
from flows.domain.errors import EffectFailed, Refused
from flows.domain.instance import Status
from flows.domain.machines import Room
from flows.domain.operations import Caller, Door, OperationStatus, Rating
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.procedures.conduct import conduct
from tests.flows.worlds import BLOCK, DEMO, PLAIN, created, refused, the_row
from tests.world.machines import FakeProvider
from tests.world.world import World

# The rules themselves are tested in the domain: here each must hold on the way in.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "abc"}, 'name "abc": it has 3 characters'),
    ({"name": "my demo"}, 'name "my demo": letters, digits, - and _'),
    ({"brokers": 2}, "brokers 2: kafka.2u4g.cluster has 3 to 30 brokers"),
    ({"brokers": 31}, "brokers 31: kafka.2u4g.cluster has 3 to 30 brokers"),
    ({"storage_per_broker": 150}, "storage_per_broker 150: at least 100 GB"),
    ({"storage_per_broker": 200_000}, "storage_per_broker 200000: with 3 brokers the total is"),
    ({"availability_zones": 2}, "availability_zones 2: 1, or 3 and more"),
    ({"public_access": "2001:db8::1"}, 'public_access "2001:db8::1": an EIP must be an IPv4'),
    ({"sasl_plain": True}, 'sasl_plain "on": it needs sasl_ssl on'),
    ({"version": "2.8"}, 'version "2.8": accepted are 1.1.0, 2.3.0, 2.7'),
    ({"sasl_ssl": True, "first_user": "ANONYMOUS"}, 'first_user "ANONYMOUS": the name is reserved'),
    ({"flavor": "kafka.1u1g"}, 'flavor "kafka.1u1g": accepted are kafka.2u4g.cluster'),
    ({"colour": "red"}, "colour: there is no such parameter"),
    ({"tags": "team"}, 'tags "team": each tag is written key=value'),
    ({"disk_encryption": True}, "disk_encryption on: not here"),
    ({"brokers": 30}, "brokers 30: they need 122880 MB of memory together and the fake cloud has"),
    (
        {"storage_per_broker": 4_000},
        "storage_per_broker: 3 brokers need 12000 GB of disk together and the fake cloud has",
    ),
    (
        {"availability_zones": 4, "brokers": 4},
        "availability_zones 4: the fake cloud has 3 zones: zone-1, zone-2, zone-3",
    ),
]


def assert_nothing_was_made(world: World) -> None:
    """No instance, no machine, no secret, nobody holds anything."""
    assert world.records.rows == {}
    assert world.provider.hosts == {}
    assert world.secrets.kept == {}
    assert world.effects.log == ["FakeRecords.trace", "FakeRecords.note"]


@pytest.mark.parametrize(("changes", "begins"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_a_refused_creation_leaves_its_reason_and_nothing_else(
    changes: Mapping[str, Any], begins: str
) -> None:
    world = World()
    wish = {"name": "demo", **changes}
    sentence = refused(world, create_instance, wish)
    assert sentence.startswith(begins)
    assert_nothing_was_made(world)

    (line,) = world.records.history(None)
    assert (line.operation, line.status) == ("create-instance", OperationStatus.REFUSED)
    assert (line.reason, line.instance_name, line.instance_id) == (sentence, wish["name"], None)
    assert line.finished is not None
    (trace,) = world.records.audit
    assert (trace.name, trace.rating) == ("createDMSInstanceOrderFailure", Rating.WARNING)
    assert (trace.who, trace.door, trace.resource) == ("ada", Door.PYTHON, wish["name"])
    assert trace.result == sentence
    assert world.stage.pages["report"].startswith(f"# Create instance: refused\n\n{sentence}\n")


@pytest.mark.parametrize("password", ["tooweak", "xx-Alice-1", "xx-eciLA-1", "Passw0rd!"])
def test_a_bad_password_is_refused_and_its_block_goes(password: str) -> None:
    world = World()
    world.secrets.blocks = {BLOCK: password, "team-password": password}
    for block in (BLOCK, "team-password"):
        wish = {**DEMO, "first_user_password": block}
        assert refused(world, create_instance, wish).startswith(
            'first_user_password "(not shown)": '
        )
    assert world.secrets.blocks == {"team-password": password}, "other people's stay"
    assert world.records.rows == {}
    remembered = f"{world.records.history(None)} {world.records.audit} {world.stage.pages}"
    assert password not in remembered


def test_a_block_that_is_not_there_is_refused_without_naming_it() -> None:
    world = World()
    sentence = refused(world, create_instance, {**DEMO, "first_user_password": "S3cret-typed"})
    assert sentence.startswith("secret: there is no Secret block")
    assert "S3cret-typed" not in f"{world.records.history(None)} {world.records.audit}"


@pytest.mark.parametrize(
    "misplaced",
    [
        {"password": "S3cret-typed"},
        {"first_user_password": {"$ref": {"value": "S3cret-typed"}}},
        {"first_user_password": ["S3cret-typed"]},
        {"manager_password": "S3cret-typed"},
    ],
)
def test_a_secret_in_the_wrong_place_is_not_remembered(misplaced: Mapping[str, Any]) -> None:
    world = World()
    refused(world, create_instance, {**DEMO, **misplaced})
    assert "S3cret-typed" not in f"{world.records.history(None)} {world.records.audit}"
    assert "S3cret-typed" not in world.stage.pages["report"]
    (line,) = world.records.history(None)
    (field,) = misplaced
    assert line.request[field] == "(not shown)"


def test_the_same_name_with_other_parameters_is_refused_naming_them() -> None:
    world = created()
    other = {"name": "demo", "brokers": 4, "auto_create_topics": True, "description": "x"}
    assert refused(world, create_instance, other) == (
        'name "demo": an instance of that name exists with other parameters: brokers, '
        "auto_create_topics, description"
    )
    assert the_row(world).status is Status.RUNNING
    assert world.effects.log == ["FakeRecords.trace", "FakeRecords.note"]


def test_a_name_that_is_an_id_is_refused() -> None:
    world = created()
    assert refused(world, create_instance, {"name": "t0000001"}) == (
        'name "t0000001": it is the id of an instance; choose another name'
    )
    world.ask(delete_instance, {"instance": "demo", "confirm": "demo"})
    assert refused(world, create_instance, {"name": "t0000001"}) == (
        'name "t0000001": it is the id of an instance; choose another'
    )
    assert world.records.living() == ()
    assert [row.status for row in world.records.rows.values()] == [Status.DELETED]


def test_the_name_of_an_instance_that_goes_is_refused() -> None:
    world = created()
    world.records.set_status("t0000001", Status.DELETING)
    assert refused(world, create_instance, PLAIN) == (
        'name "demo": the instance of that name is being deleted; finish that with '
        "delete-instance, or choose another name"
    )


def test_room_that_is_gone_once_the_name_is_held_leaves_nothing_either() -> None:
    world = World()
    world.provider = Filling(world.effects)
    sentence = refused(world, create_instance, PLAIN)
    assert sentence.startswith("brokers 3: they need 12288 MB of memory together")
    assert world.records.living() == ()
    (row,) = world.records.rows.values()
    assert (row.status, row.reason) == (Status.DELETED, sentence)
    (line,) = world.records.history("demo")
    assert (line.status, line.reason) == (OperationStatus.REFUSED, sentence)
    assert world.provider.hosts == {}
    assert "refused" in world.stage.pages["report"]


class Filling(FakeProvider):
    """A provider that has room at the first look only."""

    looks = 0

    def room(self) -> Room:
        """All or next to nothing."""
        self.looks += 1
        return self.free if self.looks == 1 else Room(memory_mb=1, disk_gb=1)


class Down(FakeProvider):
    """A provider that does not answer."""

    def room(self) -> Room:
        """Nobody answers."""
        raise EffectFailed("lab: it is not up")


class Odd(FakeProvider):
    """A provider with an error that nobody thought of."""

    def room(self) -> Room:
        """Breaks."""
        raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Down, "lab: it is not up"),
        (Odd, "an error that nobody expected, ZeroDivisionError: division by zero"),
    ],
)
def test_a_failure_before_anything_is_held_is_remembered_as_well(
    kind: type[FakeProvider], sentence: str
) -> None:
    world = World()
    world.provider = kind(world.effects)
    world.secrets.blocks = {BLOCK: "Br0ker-Rules"}
    with pytest.raises(EffectFailed) as caught:
        world.ask(create_instance, {**DEMO, "first_user_password": BLOCK})
    assert str(caught.value) == sentence
    (line,) = world.records.history(None)
    assert (line.status, line.reason) == (OperationStatus.FAILED, sentence)
    (trace,) = world.records.audit
    assert (trace.name, trace.rating) == ("createDMSInstanceOrderFailure", Rating.INCIDENT)
    assert world.stage.pages["report"].startswith(f"# Create instance: failed\n\n{sentence}\n")
    assert world.records.rows == {}
    assert world.secrets.blocks == {}, "its instance never came to be"


def test_a_request_is_refused_alike_whoever_comes_through_which_door() -> None:
    world = World()
    for door in Door:
        caller = Caller("grace", door, world.processes.here(f"run-{door}", ""))
        with pytest.raises(Refused, match="brokers 2: "):
            conduct(create_instance, world.doors(), {**PLAIN, "brokers": 2}, caller, PlainStage())
    lines = world.records.history(None)
    assert {line.caller.door for line in lines} == set(Door)
    assert {trace.door for trace in world.records.audit} == set(Door)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"confirm": "demo"}, "instance: it is required"),
        ({"instance": "demo"}, "confirm: it is required"),
        (
            {"instance": "demo", "confirm": "Demo"},
            'confirm "Demo": the name of the instance, "demo"',
        ),
        (
            {"instance": "other", "confirm": "other"},
            'instance "other": there is no such instance; living are demo',
        ),
    ],
)
def test_a_refused_deletion_takes_nothing_away(wish: dict[str, Any], sentence: str) -> None:
    world = created()
    before: InstanceRow = the_row(world)
    assert refused(world, delete_instance, wish) == sentence
    assert the_row(world) == before
    assert len(world.provider.hosts) == 3
    assert world.effects.log == ["FakeRecords.trace", "FakeRecords.note"]
    assert world.records.audit[-1].name == "batchDeleteDMSInstanceFailure"
    assert world.records.history(None)[0].status is OperationStatus.REFUSED


def test_where_no_instance_lives_that_is_said() -> None:
    sentence = refused(World(), delete_instance, {"instance": "demo", "confirm": "demo"})
    assert sentence == 'instance "demo": there is no such instance; living are none'
