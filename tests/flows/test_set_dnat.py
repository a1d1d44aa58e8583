"""set-dnat and remove-dnat on the fake world: rules, refusals, interruption at every effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from flows.access.remove_dnat import remove_dnat
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.domain import paths
from flows.domain.access import CrossMode
from flows.domain.dnat import Rule
from flows.domain.errors import EffectFailed, Refused
from flows.domain.instance import Status
from flows.domain.vantage import Network
from flows.instances.add_brokers import add_brokers
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.instances.replace_broker import replace_broker
from flows.procedures.operation import Operation
from flows.queries.access import access
from flows.queries.dnat import dnat
from flows.queries.drift import drift
from flows.queries.render_dnat import dnat_table
from tests.flows.worlds import DEMO, GOODBYE, created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.gateways import FakeGateway
from tests.world.world import World

EIPS = ("203.0.113.1", "203.0.113.2", "203.0.113.3")
OTHERS = ("203.0.113.11", "203.0.113.12", "203.0.113.13")
ASKED = {"instance": "demo", "eips": ",".join(EIPS)}
REMOVAL = {"instance": "demo"}


@scene
def with_dnat(**others: Any) -> World:
    """A world in which clients come by DNAT; its log of effects is empty."""
    world = created(DEMO)
    world.ask(set_dnat, {**ASKED, **others})
    world.effects.log.clear()
    return world


def effects_of(world: World, operation: Operation[Any, Any], wish: Mapping[str, Any]) -> int:
    """How many effects the operation has there."""
    world.ask(operation, wish)
    return len(world.effects.log)


EFFECTS = effects_of(created(DEMO), set_dnat, ASKED)
REMOVAL_EFFECTS = effects_of(with_dnat(), remove_dnat, REMOVAL)


def rules(world: World) -> Mapping[str, str]:
    """EIP -> private address, as the gateway's kernel has it and after its next boot."""
    host = world.gateways.hosts["gateway"]
    live = {rule.eip: rule.private for each in host.live.values() for rule in each.rules}
    filed = {rule.eip: rule.private for each in host.filed.values() for rule in each.rules}
    assert live == filed
    return live


def addresses(world: World) -> tuple[str, ...]:
    """The private addresses of the brokers, in their order."""
    return tuple(machine.address for machine in world.records.machines(the_row(world).id))


def assert_by_dnat(world: World, eips: tuple[str, ...] = EIPS) -> None:
    """Rules, EIPs, wish and what clients are told are those of these EIPs; nobody restarted."""
    row = the_row(world)
    assert row.status is Status.RUNNING
    route = row.wish.access.cross
    assert route is not None
    assert (route.mode, route.addresses) == (CrossMode.DNAT, eips)
    assert rules(world) == dict(zip(eips, addresses(world), strict=True))
    assert world.provider.eips_of_machines == dict.fromkeys(eips, "gateway")
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())


def assert_nothing_left(world: World) -> None:
    """No rule, no EIP, nobody is told of one."""
    assert rules(world) == {}
    assert world.provider.eips_of_machines == {}
    access = the_row(world).wish.access
    assert (access.cross, access.coming, access.former) == (None, None, None)


def test_rules_are_made_and_clients_are_told_the_eips() -> None:
    world = created(DEMO)
    outcome = world.ask(set_dnat, ASKED)
    assert outcome.changed
    assert_by_dnat(world)
    again = world.ask(set_dnat, ASKED)
    assert not again.changed
    assert "nothing to do" in again.sentence


def test_a_plan_names_gateway_eip_and_broker() -> None:
    world = created(DEMO)
    world.ask(set_dnat, {**ASKED, "plan_only": True})
    page = world.stage.pages["plan"]
    first = addresses(world)[0]
    assert f"| gateway gateway | {EIPS[0]}:9011 leads to broker 1 at {first}:9011 |" in page
    assert "9011 is open to anyone, by the EIPs" in page
    assert rules(world) == {}


def test_rules_that_somebody_took_away_are_made_again() -> None:
    world = with_dnat()
    world.gateways.flush("gateway")
    outcome = world.ask(set_dnat, ASKED)
    assert outcome.changed
    assert_by_dnat(world)


def test_a_gateway_that_boots_has_its_rules_again() -> None:
    world = with_dnat()
    world.gateways.flush("gateway")
    world.gateways.reboot("gateway")
    assert_by_dnat(world)
    assert not world.ask(set_dnat, ASKED).changed


def test_other_eips_replace_those_from_before_which_work_until_they_are_dropped() -> None:
    world = with_dnat()
    world.ask(set_dnat, {"instance": "demo", "eips": ",".join(OTHERS), "keep_old": 300})
    found = rules(world)
    assert {found[eip] for eip in EIPS} == {found[eip] for eip in OTHERS} == set(addresses(world))
    former = the_row(world).wish.access.former
    assert former is not None
    assert former.route.addresses == EIPS


def test_other_eips_at_once_leave_nothing_of_those_from_before() -> None:
    world = with_dnat()
    world.ask(set_dnat, {"instance": "demo", "eips": ",".join(OTHERS), "keep_old": 0})
    assert_by_dnat(world, OTHERS)


def test_masquerading_raises_the_limit_for_the_gateway() -> None:
    world = with_dnat(source="masquerade")
    assert the_row(world).wish.access.unlimited == ("198.18.0.1",)
    assert world.gateways.hosts["gateway"].live["t0000001"].masquerade
    hosts = world.provider.hosts.values()
    assert all("198.18.0.1:20000" in h.contents[paths.SERVER_PROPERTIES] for h in hosts)
    told = world.kafka.clusters["t0000001"].altered
    overrides = [told[n]["max.connections.per.ip.overrides"] for n in (1, 2, 3)]
    assert all("198.18.0.1:20000" in each for each in overrides)


def test_a_version_that_learns_limits_at_its_start_says_so() -> None:
    world = created({**DEMO, "version": "1.1.0"})
    world.ask(set_dnat, {**ASKED, "source": "masquerade", "plan_only": True})
    page = world.stage.pages["plan"]
    assert "brokers see 198.18.0.1 instead of their clients" in page
    assert "Kafka 1.1.0 learns limits per address at its next start only" in page


def test_a_removal_leaves_nothing_and_closes_the_port() -> None:
    world = with_dnat()
    world.ask(remove_dnat, REMOVAL)
    assert_nothing_left(world)
    again = world.ask(remove_dnat, REMOVAL)
    assert not again.changed


def test_a_deleted_instance_leaves_no_rule_behind() -> None:
    world = with_dnat()
    world.ask(delete_instance, GOODBYE)
    assert rules(world) == {}
    assert world.provider.eips_of_machines == {}


def test_new_brokers_come_in_once_they_are_given_eips() -> None:
    world = with_dnat()
    world.ask(add_brokers, {"instance": "demo", "brokers": 5})
    assert list(rules(world)) == list(EIPS)
    assert _told(world) == "eips 3 EIPs: one per broker is accepted, 5 of them"
    more = (*EIPS, "203.0.113.4", "203.0.113.5")
    world.ask(set_dnat, {"instance": "demo", "eips": ",".join(more), "keep_old": 0})
    assert_by_dnat(world, more)


def test_a_new_machine_is_reached_by_its_brokers_eip() -> None:
    world = with_dnat()
    before, broken = rules(world), world.records.machines(the_row(world).id)[1]
    world.provider.hosts[broken.name].running = False
    world.ask(replace_broker, {"instance": "demo", "broker": 2})
    assert rules(world) == before
    assert world.provider.eips_of_machines == dict.fromkeys(EIPS, "gateway")
    assert drift(world.doors(), "demo") == ()
    assert [line["answer"] for line in access(world.doors(), "demo")["lines"]][1::2] == [
        "broker 1",
        "broker 2",
        "broker 3",
    ]


def test_a_wrong_eip_is_found_and_all_is_put_back() -> None:
    """The EIP of broker 2 leads elsewhere, whatever the rules say."""
    world = created(DEMO)
    world.vantages.closed.add((addresses(world)[1], 9011))
    with pytest.raises(EffectFailed, match=f"broker 2 at {EIPS[1]}:9011: nobody answers at"):
        world.ask(set_dnat, ASKED)
    assert_nothing_left(world)
    assert the_row(world).status is Status.RUNNING


def listed(world: World) -> list[tuple[int, str, bool]]:
    """Broker, state and whether it is good, of each rule."""
    return [(line["broker"], line["state"], line["good"]) for line in dnat(world.doors(), "demo")]


def test_rules_are_listed_with_their_state() -> None:
    world = with_dnat()
    host = world.gateways.hosts["gateway"]
    assert listed(world) == [(n, "in force", True) for n in (1, 2, 3)]
    filed = dict(host.filed)
    host.filed.clear()
    assert listed(world) == [(n, "in force until the gateway boots", False) for n in (1, 2, 3)]
    host.filed = filed
    world.gateways.flush("gateway")
    assert listed(world) == [(n, "missing until the gateway boots", False) for n in (1, 2, 3)]
    host.filed = {}
    assert listed(world) == [(n, "missing", False) for n in (1, 2, 3)]
    host.running = False
    assert listed(world)[0] == (1, "unknown: gateway gateway gave no answer", False)


def test_a_rule_that_nobody_wishes_is_listed_as_such() -> None:
    world = with_dnat()
    host = world.gateways.hosts["gateway"]
    (present,) = host.live.values()
    more = replace(present, rules=(*present.rules, Rule(4, OTHERS[0], "198.18.0.99")))
    host.live = {"t0000001": more}
    assert listed(world)[-1] == (4, "there, but not wished", False)
    host.live = {"t0000001": replace(present, masquerade=True)}
    assert listed(world)[0] == (1, "in force, but masquerading is not as wished", False)
    assert "203.0.113.1:9011" in drawn(dnat_table(dnat(world.doors(), "demo")))
    assert "No gateway leads" in drawn(dnat_table(()))


def drawn(drawing: Any) -> str:
    """What a person reads."""
    console = Console(width=140, file=StringIO())
    with console.capture() as capture:
        console.print(drawing)
    return capture.get()


def test_from_endpoints_to_dnat_and_back() -> None:
    world = created(DEMO)
    endpoints = {f"192.0.2.{n}": f"t0000001-{n}-1" for n in (1, 2, 3)}
    world.provider.endpoints_of_test.update(endpoints)
    asked = {"instance": "demo", "addresses": ",".join(endpoints), "keep_old": 0}
    world.ask(set_endpoints, asked)
    world.ask(set_dnat, {**ASKED, "keep_old": 0})
    assert_by_dnat(world)
    world.ask(set_endpoints, asked)
    assert rules(world) == {}
    assert world.provider.eips_of_machines == {}


def _told(world: World, **asked: Any) -> str:
    """The refusal, after which nothing has changed."""
    before = (the_row(world).wish, dict(world.provider.eips_of_machines), rules(world))
    told = refused(world, set_dnat, {**ASKED, **asked})
    assert (the_row(world).wish, dict(world.provider.eips_of_machines), rules(world)) == before
    return told


def test_refusals_of_eips() -> None:
    world = created(DEMO)
    assert _told(world, eips="") == (
        "eips: none is given; accepted is one IPv4 EIP for each broker"
    )
    assert _told(world, eips="2001:db8::1") == (
        'eips "2001:db8::1": an EIP must be an IPv4 address, not IPv6'
    )
    assert _told(world, eips="203.0.113.1,203.0.113.2") == (
        "eips 2 EIPs: one per broker is accepted, 3 of them"
    )
    assert _told(world, eips="203.0.113.1,203.0.113.2,203.0.113.1") == (
        'eips "203.0.113.1": brokers 1 and 3 cannot have the same EIP'
    )
    assert _told(world, eips="198.51.100.1,203.0.113.2,203.0.113.3") == (
        'eips "198.51.100.1": 198.51.100.1 is none of 203.0.113.0/24'
    )
    world.provider.eips_of_machines[EIPS[0]] = "t0000001-2-1"
    assert _told(world) == (
        f'eips "{EIPS[0]}": it is broker 2\'s own for public access; an EIP of DNAT belongs to '
        "the gateway and to no broker"
    )
    world.provider.eips_of_machines[EIPS[0]] = "somebody"
    assert _told(world) == (
        f'eips "{EIPS[0]}": it belongs to somebody; accepted is an EIP that is free'
    )


def test_swapped_eips_are_refused_while_clients_know_them() -> None:
    world = with_dnat()
    swapped = ",".join((EIPS[1], EIPS[0], EIPS[2]))
    assert _told(world, eips=swapped) == (
        f'eips "{EIPS[1]}": it leads to broker 2 now, and clients still know it as that one; '
        "accepted for broker 1 is another EIP"
    )


def test_refusals_of_gateways() -> None:
    world = created(DEMO)
    assert _told(world, gateways="edge") == 'gateways "edge": accepted are gateway'
    assert _told(world, gateways="gateway,gateway") == (
        "gateways 2 names: one for all brokers or one for each is accepted, 3 of them"
    )
    host = world.gateways.hosts["gateway"]
    host.running = False
    assert _told(world) == (
        'gateways "gateway": it cannot be used now: gateway gateway gave no answer'
    )
    host.running, host.forwards = True, False
    assert _told(world) == (
        'gateways "gateway": it forwards nothing; accepted is one with net.ipv4.ip_forward = 1'
    )
    host.forwards, host.foreign = True, ("table ip nat speaks of 203.0.113.1",)
    assert _told(world) == (
        'gateways "gateway": rules of others are in the way there: '
        "table ip nat speaks of 203.0.113.1"
    )
    host.foreign, host.address = (), "198.18.0.9"
    assert _told(world) == (
        'source "preserve": broker 1 answers by way of 198.18.0.1, which is not gateway gateway '
        "(198.18.0.9), so clients would get no answer; accepted is masquerade, or a default route "
        "of the brokers by the gateway"
    )
    world.gateways.hosts["second"] = FakeGateway("198.18.0.10")
    assert _told(world) == (
        'gateways "": there are several; accepted is one of gateway, second, or one for each broker'
    )
    world.gateways.hosts.clear()
    world.gateways.hosts["gateway"] = FakeGateway("198.18.0.1")
    assert world.ask(set_dnat, ASKED).changed


def test_an_instance_without_a_gateway_is_refused() -> None:
    world = created(DEMO)
    world.gateways.hosts.clear()
    with pytest.raises(Refused, match="there is no gateway before its machines"):
        world.ask(set_dnat, ASKED)


def test_several_gateways_have_the_rules_of_their_brokers() -> None:
    world = created(DEMO)
    world.gateways.hosts["second"] = FakeGateway("198.18.0.1")
    world.ask(set_dnat, {**ASKED, "gateways": "gateway,second,gateway"})
    led = world.provider.eips_of_machines
    assert [led[eip] for eip in EIPS] == ["gateway", "second", "gateway"]
    found = {
        name: [rule.broker for each in host.live.values() for rule in each.rules]
        for name, host in world.gateways.hosts.items()
    }
    assert found == {"gateway": [1, 3], "second": [2]}


def test_other_refusals() -> None:
    world = created(DEMO)
    assert _told(world, source="keep") == 'source "keep": accepted are preserve, masquerade'
    assert _told(world, keep_old=-1) == "keep_old -1: 0 to 86,400 seconds are accepted"
    world.vantages.missing.add(Network.OUTSIDE)
    assert "there is no vantage in the network outside" in _told(world)
    assert world.ask(set_dnat, {**ASKED, "unproved": True}).changed
    assert_by_dnat(world)


def test_an_eip_of_another_instance_is_refused() -> None:
    world = with_dnat()
    world.ask(create_instance, {**DEMO, "name": "other"})
    told = refused(world, set_dnat, {"instance": "other", "eips": ",".join(EIPS)})
    assert told == f'eips "{EIPS[0]}": it belongs to the instance demo'


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(EFFECTS))
def test_dnat_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = created(DEMO)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(set_dnat, ASKED)
    world.effects.heal()
    world.ask(set_dnat, ASKED, who="grace")
    assert_by_dnat(world)
    assert not world.ask(set_dnat, ASKED).changed


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(REMOVAL_EFFECTS))
def test_a_removal_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = with_dnat()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(remove_dnat, REMOVAL)
    world.effects.heal()
    world.ask(remove_dnat, REMOVAL, who="grace")
    assert_nothing_left(world)
    assert not world.ask(remove_dnat, REMOVAL).changed
