"""Clients' ways compared with the wish: each kind of difference is named, and put right."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import StringIO

import pytest
from rich.console import Console

from flows.access.converge_access import converge_access
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.domain import paths
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status, UnitState
from flows.domain.operations import Rating
from flows.domain.vantage import Network
from flows.instances.add_brokers import add_brokers
from flows.instances.replace_broker import replace_broker
from flows.monitoring.check_access import check_access
from flows.queries.drift import drift
from flows.queries.render_drift import drift_table
from tests.flows.worlds import DEMO, PLAIN, created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.machines import FakeHost
from tests.world.world import World

ENDPOINTS = ("198.19.200.1", "198.19.200.2", "198.19.200.3")
EIPS = ("203.0.113.1", "203.0.113.2", "203.0.113.3")
DNAT = ("203.0.113.11", "203.0.113.12", "203.0.113.13")
CONVERGE = {"instance": "demo"}
MAP = "listener.security.protocol.map"
WELL = "1 instances looked at"


@scene
def reached() -> World:
    """An instance with public access, and clients behind a gateway."""
    world = created(DEMO)
    world.ask(set_public_access, {"instance": "demo", "eips": ",".join(EIPS)})
    world.ask(set_dnat, {"instance": "demo", "eips": ",".join(DNAT), "keep_old": 0})
    world.effects.log.clear()
    return world


def broker(world: World, number: int) -> FakeHost:
    return next(each for each in world.provider.hosts.values() if each.machine.broker == number)


def differences(world: World) -> list[str]:
    return [f"{each['place']}, {each['what']}" for each in drift(world.doors(), "demo")]


def flush(world: World) -> None:
    broker(world, 2).firewall = ""


def open_port(world: World) -> None:
    host = broker(world, 2)
    lines = host.firewall.splitlines(keepends=True)
    host.firewall = "".join(each for each in lines if "dport 9090 drop" not in each)


def edit_file(world: World) -> None:
    host = broker(world, 3)
    text = host.contents[paths.SERVER_PROPERTIES]
    host.contents[paths.SERVER_PROPERTIES] = text.replace(DNAT[2], "203.0.113.99")


def edit_map(world: World) -> None:
    host = broker(world, 3)
    text = host.contents[paths.SERVER_PROPERTIES]
    host.contents[paths.SERVER_PROPERTIES] = text.replace("CROSS:SASL_SSL", "CROSS:PLAINTEXT")


def tell_other_map(world: World) -> None:
    told = world.kafka.clusters[the_row(world).id].altered.setdefault(1, {})
    told[MAP] = f"{told[MAP]},OTHER:PLAINTEXT"


def edit_firewall(world: World) -> None:
    """Only the next boot would show it."""
    broker(world, 2).contents[paths.FIREWALL] += "# and more\n"


def lose_firewall(world: World) -> None:
    del broker(world, 1).contents[paths.FIREWALL]


def disable_firewall(world: World) -> None:
    broker(world, 3).filters_at_boot = False


def tell_other(world: World) -> None:
    told = world.kafka.clusters[the_row(world).id].altered.setdefault(1, {})
    before = told["advertised.listeners"]
    told["advertised.listeners"] = before.replace(DNAT[0], "203.0.113.99")


def limit_other(world: World) -> None:
    altered = world.kafka.clusters[the_row(world).id].altered.setdefault(1, {})
    altered["max.connections.per.ip"] = "7"


def lose_rules(world: World) -> None:
    world.gateways.hosts["gateway"].live.clear()
    world.gateways.apply()


def lose_eip(world: World) -> None:
    del world.provider.eips_of_machines[EIPS[1]]


DRIFTS: list[tuple[Callable[[World], None], list[str]]] = [
    (flush, ["broker 2, firewall"]),
    (open_port, ["broker 2, firewall 9090"]),
    (edit_firewall, ["broker 2, firewall file"]),
    (lose_firewall, ["broker 1, firewall file"]),
    (disable_firewall, ["broker 3, firewall unit"]),
    (edit_file, ["broker 3, file advertised.listeners"]),
    (edit_map, [f"broker 3, file {MAP}"]),
    (tell_other_map, [f"broker 1, told {MAP}"]),
    (tell_other, ["broker 1, tells clients CROSS"]),
    (limit_other, ["broker 1, told max.connections.per.ip"]),
    (
        lose_rules,
        [f"gateway gateway, rule {each}:9011" for each in DNAT] + ["clients, the way"] * 3,
    ),
    (lose_eip, [f"EIP {EIPS[1]}, the way", "clients, the way"]),
]


@pytest.mark.parametrize("wish", [PLAIN, DEMO, {"name": "demo", "version": "1.1.0"}])
def test_a_new_instance_is_as_it_is_wished(wish: dict[str, str]) -> None:
    world = created(wish)
    assert differences(world) == []
    assert check_access(world.doors()) == WELL
    assert world.records.traces("demo")[-1].name != "accessDriftChanged"
    assert not world.ask(converge_access, CONVERGE).changed


def test_every_operation_on_addresses_leaves_nothing_different() -> None:
    world = reached()
    assert differences(world) == []
    private = [host.machine.address for host in world.provider.hosts.values()]
    world.provider.endpoints_of_test.update(zip(ENDPOINTS, private, strict=True))
    world.ask(set_endpoints, {"instance": "demo", "addresses": ",".join(ENDPOINTS)})
    assert differences(world) == []
    world.ask(set_public_access, {"instance": "demo", "eips": "none"})
    assert differences(world) == []


@pytest.mark.parametrize("version", ["1.1.0", "2.3.0", "2.7"])
def test_neither_do_other_machines_and_brokers(version: str) -> None:
    world = created({**DEMO, "version": version})
    broker(world, 2).running = False
    world.ask(replace_broker, {"instance": "demo", "broker": 2})
    assert differences(world) == []
    world.ask(add_brokers, {"instance": "demo", "brokers": 4})
    assert differences(world) == []


def test_a_look_changes_nothing() -> None:
    world = reached()
    flush(world)
    check_access(world.doors())
    differences(world)
    assert world.effects.log == ["FakeRecords.trace"]


@pytest.mark.parametrize(("happens", "expected"), DRIFTS)
def test_each_difference_is_named_and_put_right(
    happens: Callable[[World], None], expected: list[str]
) -> None:
    world = reached()
    happens(world)
    assert differences(world) == expected
    assert check_access(world.doors()).startswith(f"{WELL}; demo: {expected[0]}: ")
    assert world.ask(converge_access, CONVERGE).changed
    assert differences(world) == []
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    assert not world.ask(converge_access, CONVERGE).changed


def test_what_a_boot_would_filter_is_told_in_words() -> None:
    world = reached()
    for happens in (lose_firewall, edit_firewall, disable_firewall):
        happens(world)
    said = [(each["what"], each["found"], each["wished"]) for each in drift(world.doors(), "demo")]
    assert said == [
        ("firewall file", "missing", "the wished one"),
        ("firewall file", "another one", "the wished one"),
        ("firewall unit", "not enabled", "enabled at boot"),
    ]


def test_other_differences_are_told_once_and_their_end_too() -> None:
    world = reached()
    flush(world)
    for _ in range(2):
        check_access(world.doors())
    world.ask(converge_access, CONVERGE)
    for _ in range(2):
        check_access(world.doors())
    told = [each for each in world.records.traces("demo") if each.name == "accessDriftChanged"]
    assert [(each.result, each.rating) for each in told] == [
        ("broker 2, firewall: missing instead of loaded", Rating.WARNING),
        ("as wished", Rating.NORMAL),
    ]


def test_what_lies_in_other_hands_is_named_and_left() -> None:
    world = reached()
    world.vantages.silent.add(Network.OUTSIDE)
    said = drift(world.doors(), "demo")
    assert {each["found"] for each in said} == {"the fake vantage in outside does not answer"}
    assert not any(each["mendable"] for each in said)
    assert not world.ask(converge_access, CONVERGE).changed


def test_a_machine_that_is_down_is_named_and_nothing_is_put_right() -> None:
    world = reached()
    flush(world)
    broker(world, 3).running = False
    assert "broker 3, host" in differences(world)
    assert "broker 3 does not answer over SSH" in refused(world, converge_access, CONVERGE)


def test_a_broker_that_is_down_cannot_be_told_anything() -> None:
    world = reached()
    flush(world)
    broker(world, 3).kafka = UnitState.INACTIVE
    assert refused(world, converge_access, CONVERGE) == (
        'instance "demo": broker 3 does not run, so it cannot be told anything; '
        "restart-instance starts it"
    )


def test_a_busy_instance_is_left_alone() -> None:
    world = reached()
    flush(world)
    world.records.set_status(the_row(world).id, Status.CHANGING)
    assert check_access(world.doors()) == "0 instances looked at"


def test_people_see_what_is_different_where() -> None:
    world = reached()
    assert "Clients come in as it is wished" in shown(world)
    open_port(world)
    page = shown(world)
    assert "firewall 9090" in page
    assert "open to anyone" in page
    assert "puts it right" in page


def shown(world: World) -> str:
    console = Console(width=200, file=StringIO(), record=True)
    console.print(drift_table(drift(world.doors(), "demo")))
    return console.export_text()


@scene
def all_wrong() -> World:
    world = reached()
    for happens, _ in DRIFTS:
        happens(world)
    world.effects.log.clear()
    return world


def _effects() -> int:
    world = all_wrong()
    world.ask(converge_access, CONVERGE)
    return len(world.effects.log)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(_effects()))
def test_what_was_cut_off_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = all_wrong()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(converge_access, CONVERGE)
    world.effects.heal()

    world.ask(converge_access, CONVERGE, who="grace")
    assert differences(world) == []
    assert the_row(world).status is Status.RUNNING
    assert world.records.holder(the_row(world).id) is None
    assert not world.ask(converge_access, CONVERGE).changed
