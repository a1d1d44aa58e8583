"""The instance's security group at its provider: it follows the table of listeners, everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.access.converge_access import converge_access
from flows.access.drop_old_addresses import drop_old_addresses
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.access.set_security_group import set_security_group
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.firewall import openings
from flows.domain.instance import Status
from flows.domain.security_groups import GroupRule, group_rules, open_at
from flows.instances.add_brokers import add_brokers
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.instances.replace_broker import replace_broker
from flows.procedures.operation import Operation
from flows.queries.drift import drift
from flows.steps.observation import remembered
from tests.flows.test_rewire import EIPS, FIRST, OTHERS, endpoints, public, with_ways
from tests.flows.worlds import DEMO, GOODBYE, created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.own_hosts import FakeOwnHosts
from tests.world.world import World

DNAT = ("203.0.113.21", "203.0.113.22", "203.0.113.23")
LAN, ANYONE, ENDPOINTS = "198.18.0.0/24", "0.0.0.0/0", "198.19.128.0/17"
INNER = (2181, 2888, 3888, 9090, 9091)


def group(world: World) -> str:
    return f"fleet-{the_row(world).id}"


def open_to(world: World, port: int) -> tuple[str, ...]:
    """Whom the instance's group lets through to a port."""
    return tuple(map(str, open_at(world.provider.groups[group(world)], port)))


def machines(world: World) -> list[str]:
    return [each.name for each in world.records.machines(the_row(world).id)]


def assert_follows(world: World) -> None:
    """The group is as the host firewalls are, and all machines are in it."""
    row = the_row(world)
    wished = group_rules(openings(remembered(world.doors(), row)))
    assert world.provider.groups[group(world)] == wished
    assert {world.provider.group_of(name) for name in machines(world)} == {group(world)}
    assert drift(world.doors(), row.id) == ()


def into_their_group(world: World, broker: int, *rules: GroupRule) -> str:
    """An administrator puts the machine of a broker into a group of his own."""
    name = machines(world)[broker - 1]
    world.provider.groups["theirs"] = rules
    world.provider.members[name] = "theirs"
    return name


@scene
def reachable() -> World:
    return with_ways(created(DEMO))


@scene
def reached() -> World:
    """Endpoints and public access."""
    world = reachable()
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_public_access, public(*EIPS))
    world.effects.log.clear()
    return world


def test_a_new_instance_has_a_group_that_opens_what_its_listeners_need() -> None:
    world = created(DEMO)
    assert_follows(world)
    members = [f"198.18.0.{each}/32" for each in (11, 12, 13)]
    assert set(open_to(world, 2181)) > set(open_to(world, 3888))
    assert networks_hold(open_to(world, 9090), members)
    assert open_to(world, 9091) == ("198.18.0.2/32",)
    assert open_to(world, 9093) == (LAN,)
    assert open_to(world, 9011) == open_to(world, 9095) == ()


def networks_hold(found: tuple[str, ...], members: list[str]) -> bool:
    rules = [GroupRule(each, ((1, 1),)) for each in members]
    return found == tuple(map(str, open_at(rules, 1)))


def test_the_group_follows_every_way_of_clients() -> None:
    world = reachable()
    world.ask(set_endpoints, endpoints(*FIRST))
    assert open_to(world, 9011) == ("198.18.0.2/32", ENDPOINTS)
    world.ask(set_dnat, {"instance": "demo", "eips": ",".join(DNAT)})
    assert open_to(world, 9011) == (ANYONE,)
    world.ask(set_endpoints, endpoints(*FIRST))
    assert open_to(world, 9011) == (ANYONE,), "clients still come by the gateway"
    world.ask(drop_old_addresses, {"instance": "demo"})
    assert open_to(world, 9011) == ("198.18.0.2/32", ENDPOINTS)
    world.ask(set_endpoints, endpoints("none", keep_old=0))
    assert open_to(world, 9011) == ()
    world.ask(set_public_access, public(*EIPS))
    assert open_to(world, 9095) == (ANYONE,)
    world.ask(set_security_group, {"instance": "demo", "public": "192.0.2.0/24"})
    assert open_to(world, 9095) == ("192.0.2.0/24", "198.18.0.2/32")
    world.ask(set_public_access, public("none", keep_old=0))
    assert open_to(world, 9095) == ()
    assert_follows(world)


def test_new_and_other_machines_are_in_it_and_the_others_let_them_in() -> None:
    world = created(DEMO)
    world.ask(add_brokers, {"instance": "demo", "brokers": 4})
    assert_follows(world)
    assert "198.18.0.14" in str(world.provider.groups[group(world)])
    world.provider.hosts[machines(world)[1]].running = False
    world.ask(replace_broker, {"instance": "demo", "broker": 2})
    assert_follows(world)


def test_it_goes_with_the_instance() -> None:
    world = reached()
    world.ask(delete_instance, GOODBYE)
    assert set(world.provider.groups) == {"default"}


def test_it_goes_with_a_creation_that_failed() -> None:
    world = World()
    world.effects.trouble_at = [*_log_of_a_creation()].index("FakeKafka.round_trip")
    with pytest.raises(EffectFailed):
        world.ask(create_instance, DEMO)
    assert set(world.provider.groups) == {"default"}


def _log_of_a_creation() -> list[str]:
    world = World()
    world.ask(create_instance, DEMO)
    return world.effects.log


def test_own_hosts_have_none() -> None:
    world = World(FakeOwnHosts)
    world.ask(create_instance, DEMO)
    assert set(world.provider.groups) == {"default"}
    assert drift(world.doors(), "demo") == ()


WITHOUT_9011 = GroupRule("198.18.0.0/15", ((9090, 9093),))
REFUSED: list[tuple[Operation[Any, Any], Mapping[str, Any], str]] = [
    (
        set_public_access,
        public(*EIPS),
        f'eips "{",".join(EIPS)}": the security group theirs, in which somebody put the machine of '
        f"broker 2, lets none of {ANYONE} through to 9095; open it there first, or put the "
        "machine into fleet-{id}",
    ),
    (
        set_endpoints,
        endpoints(*FIRST),
        f'addresses "{",".join(FIRST)}": the security group theirs, in which somebody put the '
        f"machine of broker 2, lets none of {ENDPOINTS} through to 9011; open it there first, or "
        "put the machine into fleet-{id}",
    ),
    (
        set_dnat,
        {"instance": "demo", "eips": ",".join(DNAT)},
        f'eips "{",".join(DNAT)}": the security group theirs, in which somebody put the machine of '
        f"broker 2, lets none of {ANYONE} through to 9011; open it there first, or put the "
        "machine into fleet-{id}",
    ),
]


@pytest.mark.parametrize(("operation", "wish", "sentence"), REFUSED)
def test_an_administrators_group_that_keeps_a_way_closed_is_named_before_anything_changes(
    operation: Operation[Any, Any], wish: Mapping[str, Any], sentence: str
) -> None:
    world = reachable()
    into_their_group(world, 2, WITHOUT_9011)
    revision = the_row(world).revision
    assert refused(world, operation, wish) == sentence.replace("{id}", the_row(world).id)
    assert the_row(world).revision == revision


def test_an_administrators_group_is_left_as_it_is_and_what_it_opens_is_used() -> None:
    world = reachable()
    name = into_their_group(world, 2, GroupRule(ANYONE, ((1, 65_535),)))
    world.ask(set_public_access, public(*EIPS))
    assert world.provider.group_of(name) == "theirs"
    assert world.provider.groups["theirs"] == (GroupRule(ANYONE, ((1, 65_535),)),)
    assert drift(world.doors(), "demo") == ()


def put_back_into_default(world: World) -> None:
    del world.provider.members[machines(world)[0]]


def widen(world: World) -> None:
    world.provider.groups[group(world)] += (GroupRule(ANYONE, ((9000, 9999),)),)


def narrow(world: World) -> None:
    rules = world.provider.groups[group(world)]
    world.provider.groups[group(world)] = tuple(each for each in rules if each.source != ANYONE)


@pytest.mark.parametrize("happens", [put_back_into_default, widen, narrow])
def test_another_group_and_other_rules_are_named_and_put_right(
    happens: Callable[[World], None],
) -> None:
    world = reached()
    happens(world)
    said = drift(world.doors(), "demo")
    assert said
    assert all("security group" in f"{each['place']} {each['what']}" or each["place"] == "clients"
               for each in said)  # fmt: skip
    assert world.ask(converge_access, {"instance": "demo"}).changed
    assert_follows(world)


def test_what_is_open_beyond_the_listeners_is_named_by_port_and_source() -> None:
    world = reached()
    widen(world)
    found = {f"{each['what']}: {each['found']}" for each in drift(world.doors(), "demo")}
    assert found == {
        "9090: open to anyone",
        "9091: open to anyone",
        "9093: open to anyone",
        "9011: open to anyone",
        "other ports: open: 9000-9999",
    }


def test_what_an_administrators_group_keeps_closed_is_named_and_left() -> None:
    world = reached()
    into_their_group(world, 2, GroupRule("198.18.0.0/15", ((2181, 9093),)))
    said = [each for each in drift(world.doors(), "demo") if each["place"] != "clients"]
    assert [(each["what"], each["mendable"]) for each in said] == [
        ("security group theirs, 9095", False)
    ]


CASES: dict[str, tuple[Callable[[], World], Operation[Any, Any], Mapping[str, Any]]] = {
    "public access": (reachable, set_public_access, public(*EIPS)),
    "other EIPs at once": (reached, set_public_access, public(*OTHERS, keep_old=0)),
    "no EIPs": (reached, set_public_access, public("none", keep_old=0)),
    "endpoints": (reachable, set_endpoints, endpoints(*FIRST)),
    "no endpoints": (reached, set_endpoints, endpoints("none")),
    "DNAT at once": (
        reached,
        set_dnat,
        {"instance": "demo", "eips": ",".join(DNAT), "keep_old": 0},
    ),
    "sources": (reached, set_security_group, {"instance": "demo", "public": "192.0.2.0/24"}),
    "a new broker": (
        reached,
        add_brokers,
        {"instance": "demo", "brokers": 4, "eips": "203.0.113.4"},
    ),
}


def told_but_closed(world: World) -> list[str]:
    """Addresses that brokers tell clients of other networks and that the group keeps closed."""
    instance = remembered(world.doors(), the_row(world))
    private = {str(broker.address) for broker in instance.brokers}
    told = world.zookeeper.state(instance).told.values()
    every = [each[name] for each in told for name in ("PUBLIC", "CROSS") if name in each]
    ways = [each.rpartition(":") for each in every if each.rpartition(":")[0] not in private]
    return [host for host, _, port in ways if not open_to(world, int(port))]


def watching(world: World) -> World:
    """After every effect: what clients are told is let through."""
    before = world.effects.check

    def check() -> None:
        before()
        assert not told_but_closed(world)

    world.effects.check = check
    return world


@pytest.mark.parametrize("name", CASES)
def test_a_way_is_let_through_before_it_is_told_and_as_long_as_it_is(name: str) -> None:
    make, operation, wish = CASES[name]
    whole = watching(make())
    whole.ask(operation, wish)
    assert_follows(whole)
    for at in range(len(whole.effects.log)):
        world = watching(make())
        world.effects.trouble_at, world.effects.trouble = at, Trouble.KILLED_AFTER
        with suppress(EffectFailed, GateTimeout, Killed):
            world.ask(operation, wish)
        world.effects.heal()
        world.ask(operation, wish, who="grace")
        assert the_row(world).status is Status.RUNNING, at
        assert_follows(world)


def test_a_deletion_that_was_cut_off_leaves_no_group() -> None:
    whole = reached()
    whole.ask(delete_instance, GOODBYE)
    for at in range(len(whole.effects.log)):
        world = reached()
        world.effects.trouble_at, world.effects.trouble = at, Trouble.KILLED_AFTER
        with suppress(EffectFailed, Killed):
            world.ask(delete_instance, GOODBYE)
        world.effects.heal()
        world.ask(delete_instance, GOODBYE, who="grace")
        assert set(world.provider.groups) == {"default"}, at
