"""Every operation on addresses, with each of its options, cut off at every effect.

What is finished by the next run looks like what was never cut off; a mapping that is wrong is put
back, wherever the process died meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from flows.access.remove_dnat import remove_dnat
from flows.access.set_connection_limits import set_connection_limits
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.access.set_security_group import set_security_group
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status
from flows.procedures.operation import Operation
from flows.queries.drift import drift
from tests.flows.test_rewire import FIRST, OTHERS, SECOND, endpoints, public, reached, told
from tests.flows.worlds import the_row
from tests.world.effects import Killed, Trouble
from tests.world.gateways import FakeGateway
from tests.world.world import World

pytestmark = pytest.mark.slow

DNAT = ("203.0.113.21", "203.0.113.22", "203.0.113.23")
MORE_DNAT = ("203.0.113.31", "203.0.113.32", "203.0.113.33")
SWAPPED = (FIRST[1], FIRST[0], FIRST[2])


@dataclass(frozen=True)
class Case:
    """A world and what is asked there; `right` when its addresses lead to their brokers."""

    world: Callable[[], World]
    operation: Operation[Any, Any]
    wish: Mapping[str, Any]
    right: bool = True


def translated(*eips: str, **more: Any) -> Mapping[str, Any]:
    return {"instance": "demo", "eips": ",".join(eips), "gateways": "gateway", **more}


def both_gateways() -> World:
    """Endpoints from now and from before, EIPs, and two gateways."""
    world = reached()
    world.gateways.hosts["second"] = FakeGateway("198.18.0.1")
    return world


def by_dnat() -> World:
    """The same, and clients come by DNAT now."""
    world = both_gateways()
    world.ask(set_dnat, translated(*DNAT))
    world.effects.log.clear()
    return world


def misled() -> World:
    """The second address of each list of EIPs leads nowhere."""
    world = both_gateways()
    nowhere, lead = {DNAT[1], OTHERS[1]}, world.provider.led_to
    world.provider.led_to = (  # type: ignore[method-assign]
        lambda eip, port: None if eip in nowhere else lead(eip, port)
    )
    return world


SOURCES = {"instance": "demo", "private": "198.18.0.0/16", "public": "192.0.2.0/24"}
LIMITS = {"instance": "demo", "per_address": 2000, "endpoint_network": "198.19.0.0/16"}
CASES = {
    "endpoints at once": Case(both_gateways, set_endpoints, endpoints(*SECOND, keep_old=0)),
    "no endpoints": Case(both_gateways, set_endpoints, endpoints("none")),
    "endpoints to DNAT": Case(both_gateways, set_dnat, translated(*DNAT)),
    "endpoints to DNAT at once": Case(both_gateways, set_dnat, translated(*DNAT, keep_old=0)),
    "masqueraded": Case(both_gateways, set_dnat, translated(*DNAT, source="masquerade")),
    "two gateways": Case(
        both_gateways, set_dnat, translated(*DNAT, gateways="gateway,second,gateway")
    ),
    "DNAT to endpoints": Case(by_dnat, set_endpoints, endpoints(*FIRST)),
    "DNAT to endpoints at once": Case(by_dnat, set_endpoints, endpoints(*FIRST, keep_old=0)),
    "other EIPs of DNAT": Case(by_dnat, set_dnat, translated(*MORE_DNAT)),
    "other EIPs of DNAT at once": Case(by_dnat, set_dnat, translated(*MORE_DNAT, keep_old=0)),
    "masqueraded from now on": Case(by_dnat, set_dnat, translated(*DNAT, source="masquerade")),
    "no DNAT": Case(by_dnat, remove_dnat, {"instance": "demo"}),
    "other EIPs at once": Case(both_gateways, set_public_access, public(*OTHERS, keep_old=0)),
    "no EIPs": Case(both_gateways, set_public_access, public("none", keep_old=0)),
    "sources": Case(both_gateways, set_security_group, SOURCES),
    "limits": Case(both_gateways, set_connection_limits, LIMITS),
    "swapped endpoints": Case(both_gateways, set_endpoints, endpoints(*SWAPPED), right=False),
    "swapped after DNAT": Case(by_dnat, set_endpoints, endpoints(*SWAPPED), right=False),
    "an EIP of DNAT leads nowhere": Case(misled, set_dnat, translated(*DNAT), right=False),
    "an EIP leads nowhere": Case(misled, set_public_access, public(*OTHERS), right=False),
}


def picture(world: World) -> Mapping[str, Any]:
    """What clients, gateways and the wish say of each way."""
    row, access = the_row(world), the_row(world).wish.access
    return {
        "told": [told(world), told(world, "PUBLIC")],
        "eips": dict(world.provider.eips()),
        "rules": {
            name: [sorted(each.rules) for each in (*host.live.values(), *host.filed.values())]
            for name, host in world.gateways.hosts.items()
        },
        "routes": access.routes,
        "former eips": access.former_eips and access.former_eips.addresses,
        "coming": (access.coming, access.coming_eips),
        "public": row.wish.public_access,
        "different": [f"{each['place']}, {each['what']}" for each in drift(world.doors(), "demo")],
        "starts": [host.kafka_starts for host in world.provider.hosts.values()],
        "status": row.status,
        "holder": world.records.holder(row.id),
    }


@pytest.mark.parametrize("trouble", [Trouble.FAILS, Trouble.KILLED_AFTER])
@pytest.mark.parametrize("name", CASES)
def test_what_was_cut_off_anywhere_looks_like_what_was_not(name: str, trouble: Trouble) -> None:
    case = CASES[name]
    whole = case.world()
    before = picture(whole)
    _ask(whole, case)
    expected = picture(whole) if case.right else before
    assert picture(whole) == expected
    assert expected["different"] == []
    assert expected["status"] is Status.RUNNING
    for at in range(len(whole.effects.log)):
        world = case.world()
        world.effects.trouble_at, world.effects.trouble = at, trouble
        with suppress(EffectFailed, GateTimeout, Killed):
            world.ask(case.operation, case.wish)
        world.effects.heal()
        _ask(world, case)
        assert picture(world) == expected, f"{whole.effects.log[at]} ({at})"
        assert not (case.right and world.ask(case.operation, case.wish).changed)


def _ask(world: World, case: Case) -> None:
    if case.right:
        world.ask(case.operation, case.wish, who="grace")
        return
    with pytest.raises(EffectFailed, match=r"(answers there|nobody answers at)"):
        world.ask(case.operation, case.wish, who="grace")
