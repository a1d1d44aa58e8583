"""Bad input for the ways of clients: each refused by its whole sentence, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from flows.access.converge_access import converge_access
from flows.access.remove_dnat import remove_dnat
from flows.access.set_connection_limits import set_connection_limits
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.access.set_security_group import set_security_group
from flows.domain.instance import Status
from flows.domain.vantage import Network
from flows.procedures.operation import Operation
from tests.flows.worlds import DEMO, created, refused, the_row
from tests.world.world import World

EIPS = ("203.0.113.1", "203.0.113.2", "203.0.113.3")
ENDPOINTS = ("198.19.200.1", "198.19.200.2", "198.19.200.3")
Ask = tuple[Operation[Any, Any], Mapping[str, Any]]
Happens = Callable[[World], object]


def public(*eips: str) -> Ask:
    return set_public_access, {"instance": "demo", "eips": ",".join(eips)}


def endpoints(*addresses: str) -> Ask:
    return set_endpoints, {"instance": "demo", "addresses": ",".join(addresses)}


def dnat(*eips: str) -> Ask:
    return set_dnat, {"instance": "demo", "eips": ",".join(eips)}


def nothing(world: World) -> None:
    """The world is as it is."""


def taken(by: str) -> Happens:
    """Somebody has the second EIP."""
    return lambda world: world.provider.eips_of_machines.update({EIPS[1]: by})


def unseen(network: Network) -> Happens:
    """Nobody looks from there."""
    return lambda world: world.vantages.missing.add(network)


def without_gateway(world: World) -> None:
    world.gateways.hosts.clear()


def silent_gateway(world: World) -> None:
    world.gateways.hosts["gateway"].running = False


def no_vantage(network: str) -> str:
    return (
        f"unproved off: there is no vantage in the network {network}, so nobody can look from "
        "there; name one for it, or accept with unproved=true that the addresses are told to "
        "clients without a proof"
    )


NO_IPV6 = 'eips "2001:db8::1": an EIP must be an IPv4 address, not IPv6'
TOO_FEW = "eips 2 EIPs: one per broker is accepted, 3 of them"
SPACES = "there is white space in it; a domain name has none"
PORT = "without a port, please: it is always 9011"
NO_NAME = (
    "it is neither an IPv4 address nor a domain name: labels of up to 63 letters, digits and -, "
    "separated by dots"
)

REFUSALS: dict[str, tuple[Ask, Happens, str]] = {
    "IPv6 EIP": (public("2001:db8::1", *EIPS[1:]), nothing, NO_IPV6),
    "IPv6 EIP of DNAT": (dnat("2001:db8::1", *EIPS[1:]), nothing, NO_IPV6),
    "IPv6 endpoint": (
        endpoints("2001:db8::1", *ENDPOINTS[1:]),
        nothing,
        'addresses "2001:db8::1": IPv4 addresses and domain names are accepted, not IPv6',
    ),
    "EIP in use": (
        public(*EIPS),
        taken("gateway"),
        f'eips "{EIPS[1]}": it is in use: it leads to gateway; release it first',
    ),
    "EIP of DNAT in use": (
        dnat(*EIPS),
        taken("somebody"),
        f'eips "{EIPS[1]}": it belongs to somebody; accepted is an EIP that is free',
    ),
    "too few EIPs": (public(*EIPS[:2]), nothing, TOO_FEW),
    "too few EIPs of DNAT": (dnat(*EIPS[:2]), nothing, TOO_FEW),
    "too few endpoints": (
        endpoints(*ENDPOINTS[:2]),
        nothing,
        "addresses 2 addresses: one per broker is accepted, 3 of them",
    ),
    "one EIP twice": (
        public(EIPS[0], EIPS[0], EIPS[2]),
        nothing,
        f'eips "{EIPS[0]}": brokers 1 and 2 cannot have the same EIP',
    ),
    "one endpoint twice": (
        endpoints("b1.example", "B1.example", "b3.example"),
        nothing,
        'addresses "b1.example": brokers 1 and 2 cannot have the same address',
    ),
    "host name with spaces": (
        endpoints("broker one.example", *ENDPOINTS[1:]),
        nothing,
        f'addresses "broker one.example": {SPACES}',
    ),
    "name with a port": (
        endpoints("b1.example:9011", *ENDPOINTS[1:]),
        nothing,
        f'addresses "b1.example:9011": {PORT}',
    ),
    "address with a port": (
        endpoints("198.19.200.1:9011", *ENDPOINTS[1:]),
        nothing,
        f'addresses "198.19.200.1:9011": {PORT}',
    ),
    "no name": (endpoints("b_1", *ENDPOINTS[1:]), nothing, f'addresses "b_1": {NO_NAME}'),
    "EIP with a port": (
        public("203.0.113.1:9095", *EIPS[1:]),
        nothing,
        'eips "203.0.113.1:9095": IPv4 addresses are accepted',
    ),
    "gateway unreachable": (
        dnat(*EIPS),
        silent_gateway,
        'gateways "gateway": it cannot be used now: gateway gateway gave no answer',
    ),
    "no gateway": (
        dnat(*EIPS),
        without_gateway,
        'instance "demo": there is no gateway before its machines (lab), so no rule can be made; '
        "name one in the list of hosts",
    ),
    "no vantage outside": (public(*EIPS), unseen(Network.OUTSIDE), no_vantage("outside")),
    "no vantage for DNAT": (dnat(*EIPS), unseen(Network.OUTSIDE), no_vantage("outside")),
    "no vantage at endpoints": (
        endpoints(*ENDPOINTS),
        unseen(Network.ENDPOINT),
        no_vantage("endpoint"),
    ),
}
ALL: tuple[Ask, ...] = (
    public(*EIPS),
    endpoints(*ENDPOINTS),
    dnat(*EIPS),
    (remove_dnat, {"instance": "demo"}),
    (set_security_group, {"instance": "demo", "private": "default"}),
    (set_connection_limits, {"instance": "demo", "per_address": 2000}),
    (converge_access, {"instance": "demo"}),
)


def assert_nothing_changed(world: World) -> None:
    """There is a line in the history and a trace; no host, broker, gateway or EIP was touched."""
    assert all(each.startswith("FakeRecords.") for each in world.effects.log)
    assert the_row(world).revision == 1


@pytest.mark.parametrize("name", REFUSALS)
def test_bad_input_has_its_sentence(name: str) -> None:
    (operation, wish), happens, sentence = REFUSALS[name]
    world = created(DEMO)
    happens(world)
    assert refused(world, operation, wish) == sentence
    assert the_row(world).status is Status.RUNNING
    assert_nothing_changed(world)


@pytest.mark.parametrize("status", [Status.FAULTY, Status.CHANGE_FAILED])
@pytest.mark.parametrize(("operation", "wish"), ALL, ids=[each[0].name for each in ALL])
def test_only_a_running_instance_is_reached_otherwise(
    operation: Operation[Any, Any], wish: Mapping[str, Any], status: Status
) -> None:
    world = created(DEMO)
    world.records.set_status(the_row(world).id, status, "broker 2 does not answer")
    world.effects.log.clear()
    said = f'instance "demo ({status})": accepted is Running'
    assert refused(world, operation, wish) == said
    assert_nothing_changed(world)
