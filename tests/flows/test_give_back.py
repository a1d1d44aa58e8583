"""A change of addresses that was cut off anywhere and cannot be finished is rolled back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from flows.access.drop_old_addresses import drop_old_addresses
from flows.access.remove_dnat import remove_dnat
from flows.access.set_connection_limits import set_connection_limits
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.access.set_security_group import set_security_group
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status
from flows.instances.roll_back import roll_back
from flows.procedures.operation import Operation
from flows.steps.gateways_left import NEEDED, NOT_NEEDED
from tests.flows.test_cut_off_access import (
    DNAT,
    LIMITS,
    SOURCES,
    both_gateways,
    by_dnat,
    picture,
    translated,
)
from tests.flows.test_rewire import EIPS, FIRST, OTHERS, SECOND, endpoints, public, told, with_ways
from tests.flows.worlds import DEMO, created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

BACK: Mapping[str, Any] = {"instance": "demo"}


@dataclass(frozen=True)
class Case:
    """A world, a change that is cut off there, and the gateway that dies with it."""

    world: Callable[[], World]
    operation: Operation[Any, Any]
    wish: Mapping[str, Any]
    dies: str = ""


def open_instance() -> World:
    return with_ways(created(DEMO))


CASES = {
    "public access": Case(open_instance, set_public_access, public(*OTHERS)),
    "other EIPs": Case(both_gateways, set_public_access, public(*OTHERS, keep_old=0)),
    "no EIPs": Case(both_gateways, set_public_access, public("none", keep_old=0)),
    "endpoints": Case(open_instance, set_endpoints, endpoints(*FIRST)),
    "other endpoints": Case(both_gateways, set_endpoints, endpoints(*SECOND, keep_old=0)),
    "no endpoints": Case(both_gateways, set_endpoints, endpoints("none", keep_old=0)),
    "DNAT by a gateway that dies": Case(
        both_gateways, set_dnat, translated(*DNAT, gateways="second", keep_old=0), dies="second"
    ),
    "masqueraded DNAT": Case(both_gateways, set_dnat, translated(*DNAT, source="masquerade")),
    "DNAT to endpoints": Case(by_dnat, set_endpoints, endpoints(*FIRST, keep_old=0)),
    "no DNAT": Case(by_dnat, remove_dnat, {"instance": "demo"}),
    "old addresses": Case(both_gateways, drop_old_addresses, {"instance": "demo"}),
    "sources": Case(both_gateways, set_security_group, SOURCES),
    "limits": Case(both_gateways, set_connection_limits, LIMITS),
}


def seen(world: World, case: Case) -> Mapping[str, Any]:
    """What clients, gateways that live and the wish say; names that were served do not count."""
    found = dict(picture(world))
    found["rules"] = {name: each for name, each in found["rules"].items() if name != case.dies}
    wish = the_row(world).wish
    found["wish"] = (wish.public_access, wish.access.model_copy(update={"served": ()}))
    found["groups"] = dict(world.provider.groups)
    return found


def cut_off(case: Case, at: int) -> World:
    """The process was killed after an effect, and the gateway died."""
    world = case.world()
    world.effects.trouble_at, world.effects.trouble = at, Trouble.KILLED_AFTER
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(case.operation, case.wish)
    world.effects.heal()
    if case.dies:
        world.gateways.hosts[case.dies].running = False
    return world


def effects_of(case: Case) -> list[str]:
    world = case.world()
    begun = len(world.effects.log)
    world.ask(case.operation, case.wish)
    return world.effects.log[begun:]


def cut_off_places(case: Case) -> list[int]:
    begun = len(case.world().effects.log)
    return [begun + each for each in range(len(effects_of(case)))]


def late(case: Case) -> int:
    """The last effect after which the change is still not at its end."""
    places = reversed(cut_off_places(case))
    return next(at for at in places if the_row(cut_off(case, at)).status is not Status.RUNNING)


@pytest.mark.parametrize("name", CASES)
def test_wherever_it_was_cut_off_all_is_as_before(name: str) -> None:
    case = CASES[name]
    before = seen(case.world(), case)
    assert before["different"] == []
    rolled = 0
    for at in cut_off_places(case):
        world = cut_off(case, at)
        if the_row(world).status is Status.RUNNING:
            continue
        world.ask(roll_back, BACK, who="grace")
        assert seen(world, case) == before, f"{at}: {world.effects.log[at]}"
        rolled += 1
    assert rolled


@pytest.mark.parametrize("name", ["no EIPs", "DNAT by a gateway that dies", "DNAT to endpoints"])
def test_a_roll_back_that_was_cut_off_is_finished_by_the_next_run(name: str) -> None:
    case = CASES[name]
    before = seen(case.world(), case)
    place = late(case)
    whole = cut_off(case, place)
    begun = len(whole.effects.log)
    whole.ask(roll_back, BACK)
    for at in range(begun, len(whole.effects.log)):
        world = cut_off(case, place)
        world.effects.trouble_at, world.effects.trouble = at, Trouble.KILLED_AFTER
        with suppress(EffectFailed, GateTimeout, Killed):
            world.ask(roll_back, BACK)
        world.effects.heal()
        if the_row(world).status is not Status.RUNNING:
            world.ask(roll_back, BACK, who="grace")
        assert seen(world, case) == before, f"{at}: {whole.effects.log[at]}"


def test_the_gateway_that_died_is_named_and_its_eips_are_free() -> None:
    case = CASES["DNAT by a gateway that dies"]
    world = cut_off(case, late(case))
    assert set(DNAT) <= set(world.provider.eips())
    assert "was cut off, and must be finished first" in refused(
        world, set_endpoints, endpoints(*SECOND)
    )
    world.ask(roll_back, BACK)
    assert not set(DNAT) & set(world.provider.eips())
    assert f"gateway second gave no answer; {NOT_NEEDED}" in world.stage.lines
    world.gateways.hosts["second"].running = True
    world.ask(remove_dnat, {"instance": "demo"})
    assert not world.gateways.hosts["second"].live
    assert not world.gateways.hosts["second"].filed
    assert not world.ask(remove_dnat, {"instance": "demo"}).changed


def test_addresses_at_a_gateway_that_died_are_told_again_and_it_is_named() -> None:
    """Whoever rolls back gets what there was, dead or not; check-access says that it is dead."""
    case = Case(by_dnat, set_endpoints, endpoints(*FIRST, keep_old=0), dies="gateway")
    before = told(by_dnat())
    world = cut_off(case, late(case))
    world.ask(roll_back, BACK)
    assert f"gateway gateway gave no answer; {NEEDED}" in world.stage.lines
    assert told(world) == before
    assert the_row(world).status is Status.RUNNING
    assert "gateway gateway, rules" in picture(world)["different"]


def test_the_plan_says_what_clients_are_told_again() -> None:
    case = CASES["other endpoints"]
    world = cut_off(case, late(case))
    world.ask(roll_back, {**BACK, "plan_only": True})
    page = world.stage.pages["plan"]
    assert f"{EIPS[0]}:9095, as before" in page
    assert f"{told(both_gateways())[0]}" in page
    assert "close what the change had opened, and open what it had closed" in page
