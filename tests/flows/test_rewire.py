"""Other addresses for clients: told when proved, put back when not, cut off at every effect."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from flows.access.drop_old_addresses import drop_old_addresses
from flows.access.overdue import drop_overdue
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.domain import paths
from flows.domain.access import Access
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status
from flows.domain.operations import OperationStatus
from flows.domain.vantage import Network
from flows.instances.add_brokers import add_brokers
from flows.instances.replace_broker import replace_broker
from flows.procedures.operation import Operation
from flows.queries.access import AccessView, access
from flows.queries.render_access import access_table
from tests.flows.worlds import DEMO, created, living_caller, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

FIRST = ("198.19.200.1", "198.19.200.2", "198.19.200.3")
SECOND = ("b1.example", "b2.example", "b3.example")
EIPS = ("203.0.113.1", "203.0.113.2", "203.0.113.3")
OTHERS = ("203.0.113.11", "203.0.113.12", "203.0.113.13")


def endpoints(*addresses: str, **more: Any) -> Mapping[str, Any]:
    return {"instance": "demo", "addresses": ",".join(addresses), **more}


def public(*eips: str, **more: Any) -> Mapping[str, Any]:
    return {"instance": "demo", "eips": ",".join(eips), **more}


def with_ways(world: World) -> World:
    """Endpoints and names that lead to the brokers, in their order."""
    private = [host.machine.address for host in world.provider.hosts.values()]
    world.provider.endpoints_of_test.update(zip(FIRST, private, strict=True))
    for name, address in zip(SECOND, FIRST, strict=True):
        world.vantages.names[name] = (address,)
    return world


def told(world: World, listener: str = "CROSS") -> list[str | None]:
    """What each broker tells clients of a listener."""
    return [
        state.get(listener)
        for _, state in sorted(world.zookeeper.state(the_picture(world)).told.items())
    ]


def the_picture(world: World) -> Any:
    from flows.adapters.records.picture import picture  # noqa: PLC0415

    return picture(the_row(world), world.records.machines(the_row(world).id))


def files_say(world: World, words: str) -> bool:
    hosts = world.provider.hosts.values()
    return all(words in host.contents[paths.SERVER_PROPERTIES] for host in hosts)


def at(port: int, addresses: tuple[str, ...]) -> list[str]:
    return [f"{address}:{port}" for address in addresses]


def no_restart(world: World) -> bool:
    return all(host.kafka_starts == 1 for host in world.provider.hosts.values())


def test_clients_are_told_the_new_addresses_and_no_broker_restarts() -> None:
    world = with_ways(created(DEMO))
    assert world.ask(set_endpoints, endpoints(*FIRST)).changed
    assert told(world) == at(9011, FIRST)
    assert files_say(world, "CROSS://198.19.200.")
    assert no_restart(world)
    row = the_row(world)
    assert row.status is Status.RUNNING
    assert row.wish.access.former is None, "there was no way before"
    assert not world.ask(set_endpoints, endpoints(*FIRST)).changed


def test_the_old_way_stays_until_it_is_dropped() -> None:
    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_endpoints, endpoints(*SECOND, keep_old=60))
    access = the_row(world).wish.access
    assert told(world) == at(9011, SECOND)
    assert access.former is not None
    assert access.former.route.addresses == FIRST
    assert access.former.until == pytest.approx(world.clock.now().timestamp() + 60, abs=5)

    assert world.ask(drop_old_addresses, {"instance": "demo"}).changed
    assert the_row(world).wish.access.old_until is None
    assert not world.ask(drop_old_addresses, {"instance": "demo"}).changed
    assert told(world) == at(9011, SECOND)


def test_the_schedule_drops_what_was_kept_long_enough() -> None:
    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_endpoints, endpoints(*SECOND, keep_old=60))
    caller = living_caller(world)
    assert drop_overdue(world.doors(), caller, world.stage) == []
    world.clock.seconds += 120
    assert drop_overdue(world.doors(), caller, world.stage) == ["Drop old addresses demo: done"]
    assert the_row(world).wish.access.old_until is None
    assert drop_overdue(world.doors(), caller, world.stage) == []


def test_everybody_sees_by_which_addresses_clients_come_and_who_answers() -> None:
    world = with_ways(created(DEMO))
    before = access(world.doors(), "demo")
    assert {line["listener"]: line["answer"] for line in before["lines"]} == {
        "PRIVATE": "broker 3",
        "CROSS": "closed",
    }
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_endpoints, endpoints(*SECOND, keep_old=60))
    world.ask(set_public_access, public(*EIPS))
    view = access(world.doors(), "demo")
    assert all(line["good"] for line in view["lines"])
    assert [line["port_id"] for line in view["lines"][::3]] == list(world.provider.hosts)
    assert all(f" {machine} " in shown(view) for machine in world.provider.hosts)
    assert view["old_addresses"] == list(FIRST)
    cross = [line for line in view["lines"] if line["listener"] == "CROSS"]
    assert [line["told"] for line in cross] == at(9011, SECOND)
    assert cross[0]["open_to"][0] == "198.19.128.0/17"
    world.vantages.names["b2.example"] = (FIRST[0],)
    wrong_now = [line for line in access(world.doors(), "demo")["lines"] if not line["good"]]
    assert [(line["broker"], line["answer"]) for line in wrong_now] == [
        (2, "broker 1 answers there")
    ]


def shown(view: AccessView) -> str:
    """What a person reads."""
    console = Console(width=200, file=StringIO(), record=True)
    console.print(access_table(view))
    return console.export_text()


def test_nothing_is_kept_that_shall_not_be() -> None:
    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_endpoints, endpoints(*SECOND, keep_old=0))
    assert the_row(world).wish.access.former is None
    assert not world.ask(set_endpoints, endpoints(*SECOND, keep_old=0)).changed


def test_9011_is_closed_again() -> None:
    world = with_ways(created(DEMO))
    private = told(world)
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_endpoints, endpoints("none", keep_old=0))
    assert told(world) == private
    for host in world.provider.hosts.values():
        assert "\n    tcp dport 9011 drop" in host.contents[paths.FIREWALL]
    assert not world.ask(set_endpoints, endpoints("none", keep_old=0)).changed


def wrong(world: World, addresses: tuple[str, ...]) -> str:
    """The sentence with which a mapping fails; all is as before."""
    before, wish = told(world), the_row(world).wish
    with pytest.raises(EffectFailed) as caught:
        world.ask(set_endpoints, endpoints(*addresses))
    row = the_row(world)
    assert told(world) == before
    assert row.status is Status.RUNNING
    assert row.wish.access.model_copy(update={"served": ()}) == wish.access.model_copy(
        update={"served": ()}
    )
    assert world.records.history("demo")[0].status is OperationStatus.FAILED
    assert no_restart(world)
    return str(caught.value)


def test_every_wrong_mapping_is_named_and_nobody_is_told_of_it() -> None:
    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    one, two, three = FIRST
    swapped = wrong(world, (two, one, three))
    assert "broker 1 at 198.19.200.2:9011: broker 2 answers there" in swapped
    assert "broker 2 at 198.19.200.1:9011: broker 1 answers there" in swapped
    assert "nobody answers at 198.19.200.9:9011" in wrong(world, (one, two, "198.19.200.9"))
    world.vantages.names["wrong.example"] = (one,)
    found = wrong(world, (one, two, "wrong.example"))
    assert "broker 3 at wrong.example:9011: broker 1 answers there" in found
    assert "the name b9.example does not resolve here" in wrong(world, (one, two, "b9.example"))


def test_an_address_of_another_instance_is_refused_by_name() -> None:
    from flows.instances.create_instance import create_instance  # noqa: PLC0415

    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(create_instance, {"name": "other"})
    assert refused(world, set_endpoints, {**endpoints(*FIRST), "instance": "other"}) == (
        f'addresses "{FIRST[0]}": it belongs to the instance demo'
    )
    machine = world.records.machines(the_other(world))[0].address
    assert refused(world, set_endpoints, endpoints(machine, *FIRST[1:])) == (
        f'addresses "{machine}": it belongs to the instance other'
    )


def test_an_address_that_leads_to_another_instance_is_found_by_the_proof() -> None:
    """Nobody wrote down that it leads there: its owner is asked which instance it is of."""
    from flows.instances.create_instance import create_instance  # noqa: PLC0415

    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(create_instance, {**DEMO, "name": "other"})
    other = the_other(world)
    private = world.records.machines(other)[0].address
    world.provider.endpoints_of_test["198.19.200.7"] = private
    own = {f"198.19.201.{each.broker}": each.address for each in world.records.machines(other)}
    world.provider.endpoints_of_test.update(own)
    world.ask(set_endpoints, {**endpoints(*own), "instance": "other"})
    before = told_by(world, "demo")
    with pytest.raises(EffectFailed) as caught:
        world.ask(set_endpoints, endpoints("198.19.200.7", *FIRST[1:]))
    found = f"broker 1 at 198.19.200.7:9011: broker 1 of another instance, {other}, answers there"
    assert found in str(caught.value)
    assert told_by(world, "demo") == before


def told_by(world: World, name: str) -> list[str | None]:
    """What `fleet access` shows that clients of 9011 of an instance are told."""
    return [each["told"] for each in access(world.doors(), name)["lines"]]


def the_other(world: World) -> str:
    found = world.records.find("other")
    assert found is not None
    return found.id


def test_public_access_comes_changes_and_goes() -> None:
    world = created(DEMO)
    world.ask(set_public_access, public(*EIPS))
    assert told(world, "PUBLIC") == at(9095, EIPS)
    assert list(world.provider.eips()) == list(EIPS)

    world.ask(set_public_access, public(*OTHERS))
    assert told(world, "PUBLIC") == at(9095, OTHERS)
    assert set(world.provider.eips()) == {*EIPS, *OTHERS}, "the old ones lead there for a while"
    world.ask(drop_old_addresses, {"instance": "demo"})
    assert set(world.provider.eips()) == set(OTHERS)

    world.ask(set_public_access, public("none"))
    assert told(world, "PUBLIC") == [None, None, None]
    assert not world.provider.eips()
    assert the_row(world).wish.public_access == ()
    assert no_restart(world)
    assert not world.ask(set_public_access, public("none")).changed


def test_an_eip_that_leads_nowhere_ends_in_no_public_access() -> None:
    world = created(DEMO)
    address = next(iter(world.provider.hosts.values())).machine.address
    world.vantages.closed.add((address, 9095))
    with pytest.raises(EffectFailed, match=r"broker 1 at 203\.0\.113\.1:9095: nobody answers"):
        world.ask(set_public_access, public(*EIPS))
    assert told(world, "PUBLIC") == [None, None, None]
    assert not world.provider.eips()
    assert the_row(world).wish.public_access == ()
    assert the_row(world).status is Status.RUNNING


def test_new_brokers_get_endpoints_when_all_are_named() -> None:
    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_public_access, public(*EIPS))
    world.ask(add_brokers, {"instance": "demo", "brokers": 4, "eips": "203.0.113.4"})
    assert told(world, "PUBLIC") == at(9095, (*EIPS, "203.0.113.4"))
    fourth = world.records.machines(the_row(world).id)[3].address
    world.provider.endpoints_of_test["198.19.200.4"] = fourth
    world.ask(set_endpoints, endpoints(*FIRST, "198.19.200.4"))
    assert told(world) == at(9011, (*FIRST, "198.19.200.4"))
    assert no_restart(world)


def test_a_new_machine_keeps_the_addresses_of_its_broker() -> None:
    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_public_access, public(*EIPS))
    broken = world.records.machines(the_row(world).id)[1]
    world.provider.hosts[broken.name].running = False
    world.ask(replace_broker, {"instance": "demo", "broker": 2})
    assert told(world) == at(9011, FIRST)
    assert told(world, "PUBLIC") == at(9095, EIPS)
    assert world.provider.eips()[EIPS[1]].endswith("-2-2")


OPERATIONS: tuple[tuple[str, Operation[Any, Any], Mapping[str, Any]], ...] = (
    ("first endpoints", set_endpoints, endpoints(*FIRST)),
    ("public access", set_public_access, public(*EIPS)),
)
CHANGES: tuple[tuple[str, Operation[Any, Any], Mapping[str, Any]], ...] = (
    ("other endpoints", set_endpoints, endpoints(*SECOND)),
    ("no endpoints", set_endpoints, endpoints("none", keep_old=0)),
    ("other EIPs", set_public_access, public(*OTHERS)),
    ("no EIPs", set_public_access, public("none")),
    ("drop", drop_old_addresses, {"instance": "demo"}),
)


def effects_of(operation: Operation[Any, Any], wish: Mapping[str, Any]) -> int:
    world = with_ways(created(DEMO))
    world.ask(operation, wish)
    return len(world.effects.log)


CASES = [
    pytest.param(operation, wish, number, trouble, id=f"{name}-{number}-{trouble.name}")
    for name, operation, wish in OPERATIONS
    for number in range(effects_of(operation, wish))
    for trouble in Trouble
]


@pytest.mark.parametrize(("operation", "wish", "number", "trouble"), CASES)
def test_what_was_cut_off_is_finished_by_the_next_run(
    operation: Operation[Any, Any], wish: Mapping[str, Any], number: int, trouble: Trouble
) -> None:
    world = with_ways(created(DEMO))
    world.effects.trouble_at, world.effects.trouble = number, trouble
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(operation, wish)
    world.effects.heal()

    world.ask(operation, wish, who="grace")
    row = the_row(world)
    assert row.status is Status.RUNNING
    assert told(world) == at(9011, FIRST) or told(world, "PUBLIC") == at(9095, EIPS)
    assert (row.wish.access.coming, row.wish.access.coming_eips) == (None, ())
    assert world.records.holder(row.id) is None
    assert no_restart(world)
    assert not world.ask(operation, wish).changed


@scene
def reached() -> World:
    """An instance that clients reach by every way, and by one from before."""
    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*SECOND))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_public_access, public(*EIPS))
    world.effects.log.clear()
    return world


def effects_of_change(operation: Operation[Any, Any], wish: Mapping[str, Any]) -> int:
    world = reached()
    world.ask(operation, wish)
    return len(world.effects.log)


CHANGED = [
    pytest.param(operation, wish, number, trouble, id=f"{name}-{number}-{trouble.name}")
    for name, operation, wish in CHANGES
    for number in range(effects_of_change(operation, wish))
    for trouble in (Trouble.FAILS, Trouble.KILLED_AFTER)
]


@pytest.mark.parametrize(("operation", "wish", "number", "trouble"), CHANGED)
def test_a_change_that_was_cut_off_is_finished_and_looks_like_one_that_was_not(
    operation: Operation[Any, Any], wish: Mapping[str, Any], number: int, trouble: Trouble
) -> None:
    whole, world = reached(), reached()
    whole.ask(operation, wish)
    world.effects.trouble_at, world.effects.trouble = number, trouble
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(operation, wish)
    world.effects.heal()

    world.ask(operation, wish, who="grace")
    assert told(world) == told(whole)
    assert told(world, "PUBLIC") == told(whole, "PUBLIC")
    assert world.provider.eips() == whole.provider.eips()
    assert the_row(world).status is Status.RUNNING
    assert the_row(world).wish.access.routes == the_row(whole).wish.access.routes
    assert no_restart(world)
    assert not world.ask(operation, wish).changed


@pytest.mark.parametrize(
    ("operation", "wish", "sentence"),
    [
        (set_endpoints, endpoints(*FIRST[:2]), "addresses 2 addresses: one per broker is accepted"),
        (set_endpoints, endpoints(), 'addresses: one per broker is required; "none" closes 9011'),
        (set_endpoints, endpoints("::1", *FIRST[1:]), 'addresses "::1": IPv4 addresses and domain'),
        (set_endpoints, endpoints(*FIRST, keep_old=-1), "keep_old -1: 0 to 86,400 seconds are"),
        (set_public_access, public(*EIPS[:2]), "eips 2 EIPs: one per broker is accepted, 3 of"),
        (set_public_access, public("2001:db8::1", *EIPS[1:]), 'eips "2001:db8::1": an EIP must'),
        (set_public_access, public("10.1.1.1", *EIPS[1:]), 'eips "10.1.1.1": 10.1.1.1 is none of'),
        (set_public_access, public(), 'eips: one per broker is required; "none" ends public'),
    ],
)
def test_each_refusal_has_its_sentence(
    operation: Operation[Any, Any], wish: Mapping[str, Any], sentence: str
) -> None:
    world = created(DEMO)
    assert refused(world, operation, wish).startswith(sentence)
    assert the_row(world).wish.access == Access()
    assert world.zookeeper.clusters[the_row(world).id].altered == {}


def test_an_eip_in_use_is_refused() -> None:
    world = created(DEMO)
    world.provider.eips_of_machines[EIPS[1]] = "gateway"
    assert refused(world, set_public_access, public(*EIPS)) == (
        f'eips "{EIPS[1]}": it is in use: it leads to gateway; release it first'
    )


def test_eips_are_not_swapped_between_brokers() -> None:
    world = created(DEMO)
    world.ask(set_public_access, public(*EIPS))
    swapped = public(EIPS[1], EIPS[0], EIPS[2])
    assert refused(world, set_public_access, swapped) == (
        f'eips "{EIPS[1]}": clients are told that it is broker 2, so it cannot become broker 1 '
        "while they work; bind other EIPs first"
    )


def test_eips_from_before_are_not_swapped_either_until_they_are_dropped() -> None:
    world = created(DEMO)
    world.ask(set_public_access, public(*EIPS))
    world.ask(set_public_access, public(*OTHERS))
    swapped = public(EIPS[1], EIPS[0], EIPS[2])
    assert refused(world, set_public_access, swapped) == (
        f'eips "{EIPS[1]}": clients still know it as broker 2, so it cannot become broker 1 yet; '
        "bind other EIPs, or end that first with drop-old-addresses"
    )
    assert the_row(world).status is Status.RUNNING
    world.ask(drop_old_addresses, {"instance": "demo"})
    world.ask(set_public_access, swapped)
    assert told(world, "PUBLIC") == at(9095, (EIPS[1], EIPS[0], EIPS[2]))


def test_an_eip_that_a_gateway_translates_is_no_brokers_own() -> None:
    """Also where nobody but its owner leads EIPs, so that the provider knows of none."""
    world = created(DEMO)
    world.ask(set_dnat, {"instance": "demo", "eips": ",".join(EIPS)})
    world.provider.eips_of_machines.clear()
    assert refused(world, set_public_access, public(OTHERS[0], EIPS[1], OTHERS[2])) == (
        f'eips "{EIPS[1]}": a gateway translates it (DNAT), so it belongs to the gateway and to '
        "no broker; accepted is another EIP"
    )


def test_without_a_vantage_it_is_refused_or_accepted_as_unproved() -> None:
    world = with_ways(created(DEMO))
    world.vantages.missing.add(Network.ENDPOINT)
    said = refused(world, set_endpoints, endpoints(*FIRST))
    assert said.startswith("unproved off: there is no vantage in the network endpoint")
    world.ask(set_endpoints, endpoints(*FIRST, unproved=True))
    assert told(world) == at(9011, FIRST)


def test_only_a_running_instance_gets_other_addresses() -> None:
    world = created(DEMO)
    world.records.set_status(the_row(world).id, Status.FAULTY, "broker 2 does not answer")
    said = 'instance "demo (Faulty)": accepted is Running'
    assert refused(world, set_endpoints, endpoints(*FIRST)) == said
