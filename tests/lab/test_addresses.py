"""The address plan: pure arithmetic, so its rules are tried on every slot."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventories.lab import LabRefused
from inventories.lab.addresses import (
    DEFAULT_NETWORK,
    address_plan,
    collision,
    link_of,
    mac_of,
    slots,
)

WHOLE = IPv4Network(DEFAULT_NETWORK)
every_slot = st.integers(0, slots(WHOLE) - 1)
networks = st.builds(
    lambda bits, length: IPv4Network((bits << (32 - length) & 0xFFFFFFFF, length)),
    st.integers(0, 2**20 - 1),
    st.integers(8, 20),
)


def test_the_plan_of_the_first_slot_is_the_documented_one() -> None:
    plan = address_plan(DEFAULT_NETWORK, 1)
    assert [str(network) for network in plan.networks] == [
        "198.18.4.0/24",
        "198.18.5.0/24",
        "198.18.6.0/24",
        "198.18.7.0/24",
        "198.19.132.0/24",
    ]


@given(network=networks, data=st.data())
def test_labs_never_share_an_address(network: IPv4Network, data: st.DataObject) -> None:
    slot = st.integers(0, slots(network) - 1)
    one, other = data.draw(st.lists(slot, min_size=2, max_size=2)) if slots(network) else (0, 0)
    blocks = list(address_plan(str(network), one).networks)
    if one != other:
        blocks += address_plan(str(network), other).networks
    assert all(block.subnet_of(network) for block in blocks)
    assert not any(x.overlaps(y) for x, y in combinations(blocks, 2))


@given(slot=every_slot)
def test_endpoints_lie_in_the_range_that_kafka_opens_for_them(slot: int) -> None:
    plan = address_plan(DEFAULT_NETWORK, slot)
    assert plan.endpoints.subnet_of(IPv4Network("198.19.128.0/17"))
    assert plan.endpoint_source in plan.endpoints


@given(slot=every_slot)
def test_special_addresses_are_no_machines(slot: int) -> None:
    plan = address_plan(DEFAULT_NETWORK, slot)
    special = {plan.gateway, plan.host, plan.lan_client}
    assert len(special) == 3
    assert not special & set(plan.machines)
    assert all(address in plan.lan for address in (*special, *plan.machines))


@given(slot=every_slot)
def test_interface_names_fit_the_kernel_and_differ(slot: int) -> None:
    plan = address_plan(DEFAULT_NETWORK, slot)
    links = {link_of(address) for address in (*plan.machines, plan.lan_client)}
    assert len(links) == len(plan.machines) + 1
    assert all(len(name) <= 15 for name in (*links, plan.prefix))


@given(number=st.integers(0, 2**32 - 1), other=st.integers(0, 2**32 - 1))
def test_hardware_addresses_follow_from_addresses(number: int, other: int) -> None:
    mac = mac_of(IPv4Address(number))
    assert mac == mac_of(IPv4Address(number))
    assert (mac == mac_of(IPv4Address(other))) == (number == other)
    first_byte = int(mac.split(":", maxsplit=1)[0], 16)
    assert (first_byte & 1, first_byte & 2) == (0, 2), "unicast and locally administered"


def test_a_slot_beyond_the_network_is_refused() -> None:
    with pytest.raises(LabRefused, match=r"10\.0\.0\.0/20 holds 1 labs, so slot 1 does not exist"):
        address_plan("10.0.0.0/20", 1)
    with pytest.raises(LabRefused, match=r"10\.0\.0\.0/24 holds 0 labs"):
        address_plan("10.0.0.0/24", 0)


def test_routes_and_name_servers_of_the_host_are_kept() -> None:
    plan = address_plan(DEFAULT_NETWORK, 0)
    default, near = IPv4Network("0.0.0.0/0"), IPv4Network("198.18.2.128/25")
    assert collision(plan, [default, IPv4Network("10.0.0.0/8")], []) is None
    assert collision(plan, [near], []) == (
        "198.18.2.0/24 overlaps the host's route to 198.18.2.128/25"
    )
    assert collision(plan, [default], [IPv4Address("198.18.1.53")]) == (
        "198.18.1.0/24 contains the host's name server 198.18.1.53"
    )
