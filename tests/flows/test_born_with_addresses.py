"""EIPs that brokers have from their first start: with the instance, or with the new brokers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status
from flows.domain.vantage import Network
from flows.instances.add_brokers import add_brokers
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.queries.drift import drift
from tests.flows.worlds import DEMO, GOODBYE, created, cut_off, effects_of, refused, the_row
from tests.world.effects import Trouble
from tests.world.gateways import FakeGateway
from tests.world.world import World

EIPS = ("203.0.113.1", "203.0.113.2", "203.0.113.3")
DNAT = ("203.0.113.11", "203.0.113.12", "203.0.113.13")
FOURTH, FOURTH_DNAT = "203.0.113.4", "203.0.113.14"
PUBLIC: Mapping[str, Any] = {**DEMO, "public_access": ",".join(EIPS)}
MORE: Mapping[str, Any] = {
    "instance": "demo",
    "brokers": 4,
    "eips": FOURTH,
    "dnat_eips": FOURTH_DNAT,
}


def reached() -> World:
    """A public instance whose clients come by DNAT, too; its log of effects is empty."""
    world = created(PUBLIC)
    world.ask(set_dnat, {"instance": "demo", "eips": ",".join(DNAT), "keep_old": 0})
    world.effects.log.clear()
    return world


ASSIGNED = range(15, 18)
"""The effects of a creation that give EIPs to machines."""
GROWTH_EFFECTS = effects_of(reached(), add_brokers, MORE)


def assert_public(world: World, eips: tuple[str, ...]) -> None:
    """Each broker was started once and has its EIP; nothing is different from the wish."""
    row = the_row(world)
    assert (row.status, row.wish.public_access) == (Status.RUNNING, eips)
    led = world.provider.eips_of_machines
    assert [led[eip].split("-")[1] for eip in eips] == [str(n) for n in range(1, len(eips) + 1)]
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    assert drift(world.doors(), "demo") == ()


def test_a_new_instance_is_public_at_once() -> None:
    world = created(PUBLIC)
    assert_public(world, EIPS)
    assert not world.ask(create_instance, PUBLIC).changed
    world.ask(set_public_access, {"instance": "demo", "eips": "none"})
    assert world.provider.eips_of_machines == {}


def test_its_eips_go_with_it() -> None:
    world = created(PUBLIC)
    world.ask(delete_instance, GOODBYE)
    assert world.provider.eips_of_machines == {}


def test_an_eip_that_leads_nowhere_ends_the_creation_and_leaves_nothing() -> None:
    world = World()
    world.vantages.silent.add(Network.OUTSIDE)
    with pytest.raises((EffectFailed, GateTimeout), match="outside"):
        world.ask(create_instance, PUBLIC)
    assert world.records.living() == ()
    assert world.provider.eips_of_machines == {}
    assert world.provider.hosts == {}


@pytest.mark.parametrize("trouble", [Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER])
@pytest.mark.parametrize("at", ASSIGNED)
def test_a_creation_that_was_killed_is_finished(at: int, trouble: Trouble) -> None:
    world = World()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, create_instance, PUBLIC)
    assert world.effects.log[at] == "FakeProvider._assign"
    world.ask(create_instance, PUBLIC, who="grace")
    assert_public(world, EIPS)


def test_new_brokers_are_reached_like_the_others() -> None:
    world = reached()
    assert world.ask(add_brokers, MORE).changed
    assert_public(world, (*EIPS, FOURTH))
    (host,) = world.gateways.hosts.values()
    rules = [rule for each in host.live.values() for rule in each.rules]
    assert [(rule.broker, rule.eip) for rule in rules] == list(
        zip((1, 2, 3, 4), (*DNAT, FOURTH_DNAT), strict=True)
    )
    assert not world.ask(add_brokers, MORE).changed


@pytest.mark.parametrize("trouble", [Trouble.FAILS, Trouble.KILLED_AFTER])
@pytest.mark.parametrize("at", range(GROWTH_EFFECTS))
def test_a_growth_that_was_cut_off_is_finished(at: int, trouble: Trouble) -> None:
    world = reached()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, add_brokers, MORE)
    world.ask(add_brokers, MORE, who="grace")
    assert_public(world, (*EIPS, FOURTH))
    assert not world.ask(add_brokers, MORE).changed


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"public_access": "10.1.1.1,10.1.1.2,10.1.1.3"}, 'public_access "10.1.1.1": 10.1.1.1 is'),
        ({"public_access": ",".join(DNAT)}, f'public_access "{DNAT[0]}": it is in use: it leads'),
        ({"public_access": ",".join(EIPS)}, f'public_access "{EIPS[0]}": it is in use: it leads'),
    ],
)
def test_a_creation_is_refused_for_eips_of_others(wish: Mapping[str, Any], sentence: str) -> None:
    world = reached()
    assert refused(world, create_instance, {**DEMO, "name": "other", **wish}).startswith(sentence)
    assert world.records.find("other") is None


def test_an_eip_that_is_only_wished_by_another_instance_is_refused_too() -> None:
    world = created(PUBLIC)
    world.provider.eips_of_machines.clear()
    assert refused(world, create_instance, {**PUBLIC, "name": "other"}) == (
        f'public_access "{EIPS[0]}": it belongs to the instance demo'
    )


def test_without_a_vantage_a_public_instance_has_to_be_accepted_as_unproved() -> None:
    world = World()
    world.vantages.missing.add(Network.OUTSIDE)
    said = refused(world, create_instance, PUBLIC)
    assert said.startswith("unproved off: there is no vantage in the network outside")
    world.ask(create_instance, {**PUBLIC, "unproved": True})
    assert "unproved: nobody looks from outside" in world.stage.pages["plan"]
    assert the_row(world).wish.public_access == EIPS


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (
            {"eips": ""},
            "eips 0 EIPs: public access is on; one for each new broker is accepted, 1 of them",
        ),
        (
            {"eips": f"{FOURTH},203.0.113.5"},
            "eips 2 EIPs: public access is on; one for each new broker is accepted, 1 of them",
        ),
        ({"eips": EIPS[0]}, f'eips "{EIPS[0]}": clients are told that it is broker 1, so it'),
        ({"eips": "2001:db8::1"}, 'eips "2001:db8::1": an EIP must be an IPv4 address, not IPv6'),
        ({"eips": DNAT[1]}, f'eips "{DNAT[1]}": it is in use: it leads to gateway; release it'),
        ({"dnat_eips": DNAT[1]}, f'dnat_eips "{DNAT[1]}": brokers 2 and 4 cannot have the same'),
        (
            {"dnat_eips": FOURTH},
            f'dnat_eips "{FOURTH}": an EIP of DNAT belongs to the gateway and to no broker',
        ),
        (
            {"dnat_eips": EIPS[2]},
            f'dnat_eips "{EIPS[2]}": an EIP of DNAT belongs to the gateway and to no broker',
        ),
        (
            {"dnat_eips": "203.0.113.5,203.0.113.6"},
            "dnat_eips 5 EIPs: one per broker is accepted, 4 of them",
        ),
        ({"brokers": 3}, "eips 1 EIPs: public access is on; one for each new broker is accepted,"),
    ],
)
def test_a_growth_is_refused_for_wrong_eips(wish: Mapping[str, Any], sentence: str) -> None:
    world = reached()
    assert refused(world, add_brokers, {**MORE, **wish}).startswith(sentence)
    assert the_row(world).wish.brokers == 3
    assert set(world.effects.log) == {"FakeRecords.note", "FakeRecords.trace"}


def test_a_new_broker_is_given_no_eip_that_a_gateway_translates() -> None:
    world = reached()
    world.provider.eips_of_machines.clear()  # as where their owner leads EIPs
    assert refused(world, add_brokers, {**MORE, "eips": DNAT[1]}) == (
        f'eips "{DNAT[1]}": a gateway translates it (DNAT), so it belongs to the gateway and to '
        "no broker; accepted is another EIP"
    )


def test_eips_are_refused_where_clients_do_not_come_by_any() -> None:
    world = created(DEMO)
    only = {"instance": "demo", "brokers": 4}
    assert refused(world, add_brokers, {**only, "eips": FOURTH}) == (
        f'eips "{FOURTH}": public access is off, so no broker has one; set-public-access gives '
        "one to each"
    )
    assert refused(world, add_brokers, {**only, "dnat_eips": FOURTH}) == (
        f'dnat_eips "{FOURTH}": clients do not come by DNAT; see set-dnat'
    )


def test_each_broker_with_a_gateway_of_its_own_is_named_by_set_dnat() -> None:
    world = created(DEMO)
    world.gateways.hosts["second"] = FakeGateway("198.18.0.1")
    wish = {"instance": "demo", "eips": ",".join(DNAT), "gateways": "gateway,second,gateway"}
    world.ask(set_dnat, wish)
    more = {"instance": "demo", "brokers": 4, "dnat_eips": FOURTH_DNAT}
    said = refused(world, add_brokers, more)
    assert said.startswith(f'dnat_eips "{FOURTH_DNAT}": each broker has a gateway of its own')


def test_the_plan_says_whom_clients_do_not_reach_yet() -> None:
    world = created(DEMO)
    private = [host.machine.address for host in world.provider.hosts.values()]
    endpoints = {f"198.19.200.{n}": address for n, address in enumerate(private, 1)}
    world.provider.endpoints_of_test.update(endpoints)
    world.ask(set_endpoints, {"instance": "demo", "addresses": ",".join(endpoints)})
    world.ask(add_brokers, {"instance": "demo", "brokers": 4, "plan_only": True})
    words = "clients of other networks do not reach the new brokers until set-endpoints names them"
    assert words in world.stage.pages["plan"]
