"""modify-instance: said once, interrupted anywhere, renamed and back, refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.domain.errors import EffectFailed, GateTimeout, Refused
from flows.domain.instance import Status
from flows.domain.operations import OperationStatus
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.instances.modify_instance import modify_instance
from tests.flows.worlds import GOODBYE, Interlude, created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

WISH: Mapping[str, Any] = {
    "instance": "demo",
    "name": "orders",
    "description": "search logs",
    "enterprise_project": "search",
    "tags": "team=search,stage=live",
    "capacity_policy": "stop-production",
    "delete_protection": "on",
}


def effects_of(wish: Mapping[str, Any]) -> int:
    world = created()
    world.ask(modify_instance, wish)
    return len(world.effects.log)


EFFECTS = effects_of(WISH)


def test_what_is_said_is_remembered_and_no_broker_restarts() -> None:
    world = created()
    assert world.ask(modify_instance, WISH).changed
    row = the_row(world)
    assert (row.status, row.revision) == (Status.RUNNING, 2)
    assert row.wish.name == "orders"
    assert dict(row.wish.tags) == {"team": "search", "stage": "live"}
    assert row.wish.delete_protection
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    assert [trace.name for trace in world.records.traces("demo")[-2:]] == [
        "modifyDMSInstanceInfoSuccess",
        "modifyDMSInstanceInfoTaskSuccess",
    ]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(EFFECTS))
def test_it_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = created()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(modify_instance, WISH)
    world.effects.heal()

    world.ask(modify_instance, WISH, who="grace")
    row = the_row(world)
    assert (row.status, row.wish.name, row.revision) == (Status.RUNNING, "orders", 2)
    assert world.records.holder(row.id) is None

    third = world.ask(modify_instance, WISH)
    assert not third.changed
    assert "nothing to do" in third.sentence


def test_the_page_says_what_becomes_what() -> None:
    world = created()
    world.ask(modify_instance, {**WISH, "plan_only": True})
    page = world.stage.pages["plan"]
    assert "| name | demo becomes orders |" in page
    assert "| tags | nothing becomes team=search, stage=live |" in page
    assert "| delete_protection | off becomes on |" in page
    assert "capacity_policy: recorded, not yet enforced" in page
    assert the_row(world).revision == 1


def test_a_faulty_instance_can_be_modified_and_tags_come_and_go() -> None:
    world = created()
    world.records.set_status(the_row(world).id, Status.FAULTY, "broker 2 does not answer")
    world.ask(modify_instance, {"instance": "demo", "add_tags": "team=search,stage=test"})
    world.ask(modify_instance, {"instance": "demo", "add_tags": "stage=live", "remove_tags": "x"})
    assert the_row(world).wish.tags == (("team", "search"), ("stage", "live"))
    world.ask(modify_instance, {"instance": "demo", "remove_tags": "team"})
    assert the_row(world).wish.tags == (("stage", "live"),)
    world.ask(modify_instance, {"instance": "demo", "clear": "tags,description"})
    assert the_row(world).wish.tags == ()


def test_a_renamed_instance_leaves_its_name_and_keeps_its_history() -> None:
    world = created()
    first = the_row(world).id
    world.ask(modify_instance, {"instance": "demo", "name": "orders"})
    assert [row.operation for row in world.records.history("orders")] == [
        "modify-instance",
        "create-instance",
    ]
    world.ask(create_instance, {"name": "demo"})
    second = world.records.find("demo")
    assert second is not None
    assert second.id != first
    taken = f'name "orders": the instance {first} has it; choose another'
    assert refused(world, modify_instance, {"instance": "demo", "name": "orders"}) == taken
    world.ask(modify_instance, {"instance": first, "name": "archive"})
    assert world.ask(modify_instance, {"instance": "demo", "name": "orders"}).changed


def test_ids_are_no_names() -> None:
    world = created()
    gone = the_row(world).id
    world.ask(delete_instance, GOODBYE)
    world.ask(create_instance, {"name": "demo"})
    for name in (gone, the_row(world).id):
        said = refused(world, modify_instance, {"instance": "demo", "name": name})
        assert said == f'name "{name}": it is the id of an instance; choose another'


def test_a_name_that_is_taken_meanwhile_leaves_the_instance_at_rest() -> None:
    world = created()

    def somebody_takes_it() -> None:
        world.ask(create_instance, {"name": "orders"}, who="grace")

    stage = Interlude("remember what is wished", somebody_takes_it)
    with pytest.raises(Refused) as taken:
        world.ask(modify_instance, {"instance": "demo", "name": "orders"}, stage=stage)
    demo, orders = world.records.find("demo"), world.records.find("orders")
    assert demo is not None
    assert orders is not None
    said = f'name "orders": the instance {orders.id} has it; choose another'
    assert str(taken.value) == said
    assert demo.status is Status.RUNNING
    assert world.records.history(demo.id)[0].status is OperationStatus.REFUSED


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({}, "request: it asks for nothing; give one of name, description, "),
        ({"name": "abc"}, 'name "abc": it has 3 characters, 4 to 64 are accepted'),
        ({"security_group": "dmz"}, 'security_group "dmz": the fake cloud has only "default"'),
        ({"delete_protection": "maybe"}, 'delete_protection "maybe": accepted are on, off'),
        ({"capacity_policy": "none"}, 'capacity_policy "none": accepted are delete-oldest, '),
        ({"clear": "name"}, 'clear "name": accepted are description, enterprise_project, tags'),
        (
            {"clear": "tags", "add_tags": "a=b"},
            'clear "tags": a value is given for it as well; one of the two, please',
        ),
        ({"tags": "a=b", "remove_tags": "a"}, 'tags "a=b": add_tags and remove_tags change'),
        ({"add_tags": "a"}, 'add_tags "a": each tag is written key=value'),
        ({"brokers": 4}, "brokers: there is no such parameter; accepted are "),
    ],
)
def test_each_refusal_has_its_sentence(wish: Mapping[str, Any], sentence: str) -> None:
    world = created()
    assert refused(world, modify_instance, {"instance": "demo", **wish}).startswith(sentence)
    assert the_row(world).revision == 1


def test_the_twenty_first_tag_is_refused_with_the_numbers() -> None:
    world = created()
    twenty = ",".join(f"k{number}=v" for number in range(20))
    world.ask(modify_instance, {"instance": "demo", "tags": twenty})
    said = refused(world, modify_instance, {"instance": "demo", "add_tags": "one=1,two=2,k3=w"})
    assert said == (
        'add_tags "2 more": with the 20 there are it would be 22, at most 20 are accepted'
    )
    assert not world.ask(modify_instance, {"instance": "demo", "add_tags": "k3=v"}).changed


def test_a_protected_instance_is_not_deleted() -> None:
    world = created()
    world.ask(modify_instance, {"instance": "demo", "delete_protection": "on"})
    assert refused(world, delete_instance, {**GOODBYE, "lift_protection": True}) == (
        'instance "demo": it is protected against deletion; lift that with modify-instance '
        "instance=demo delete_protection=off"
    )
    world.ask(modify_instance, {"instance": "demo", "delete_protection": "off"})
    assert world.ask(delete_instance, GOODBYE).changed


def test_a_protected_instance_that_failed_to_change_goes_only_when_asked_to() -> None:
    world = World()
    world.ask(create_instance, {"name": "demo", "delete_protection": True})
    world.records.set_status(the_row(world).id, Status.CHANGE_FAILED, "broker 2 died")
    assert refused(world, delete_instance, GOODBYE) == (
        'instance "demo": it is protected against deletion; finish what failed, or say '
        "lift_protection=true to delete it all the same"
    )
    assert world.ask(delete_instance, {**GOODBYE, "lift_protection": True}).changed


def test_what_never_came_to_be_is_not_protected() -> None:
    world = World()
    world.effects.trouble_at, world.effects.trouble = 8, Trouble.KILLED_AFTER
    with pytest.raises(Killed):
        world.ask(create_instance, {"name": "demo", "delete_protection": True})
    world.effects.heal()
    assert the_row(world).status is Status.CREATING
    assert world.ask(delete_instance, GOODBYE).changed


AUTO: Mapping[str, Any] = {"instance": "demo", "auto_create_topics": "on", "description": "logs"}


def effects_of_a_roll() -> int:
    world = created()
    world.ask(modify_instance, AUTO)
    return len(world.effects.log)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(effects_of_a_roll()))
def test_what_brokers_read_at_their_start_restarts_each_once(at: int, trouble: Trouble) -> None:
    world = created()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(modify_instance, AUTO)
    world.effects.heal()

    world.ask(modify_instance, AUTO, who="grace")
    row = the_row(world)
    assert (row.status, row.wish.auto_create_topics) == (Status.RUNNING, True)
    assert all(host.kafka_starts == 2 for host in world.provider.hosts.values())
    assert not world.ask(modify_instance, AUTO).changed
