"""Addresses of clients' ways to the brokers: what is accepted, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.access import (
    ANYONE,
    Access,
    CrossMode,
    FormerRoute,
    Route,
    ServedNames,
    check_advertised,
    check_eips,
)
from flows.domain.connections import limits_in_file
from flows.domain.errors import Refused
from flows.domain.firewall import openings, ruleset
from flows.domain.instance import Instance
from flows.domain.kept_names import drops_names, kept_sentence
from flows.domain.listeners import ListenerName
from flows.domain.server_properties import endpoints, protocol_map, server_properties
from flows.domain.wish import Wish
from tests.domain.samples import CONTROL, SELDOM, host_secrets, instance, wish
from tests.domain.test_server_properties import parsed

names = st.from_regex(r"[a-z]([a-z0-9-]{0,6}[a-z0-9])?\.(example|test)", fullmatch=True)
hosts = st.one_of(st.ip_addresses(v=4).map(str), names)
lists = st.lists(hosts, min_size=1, max_size=6, unique_by=str.lower)


def with_access(public: tuple[str, ...] = (), **access: Any) -> Instance:
    return instance(wish(public_access=public, access=Access(**access)))


def route(*addresses: str, **more: Any) -> Route:
    return Route(mode=CrossMode.ENDPOINT, addresses=addresses, **more)


@given(lists)
def test_one_address_for_each_broker_is_accepted_and_given_back(addresses: list[str]) -> None:
    check_advertised("addresses", addresses, len(addresses))
    found = route(*addresses)
    assert [found.address_of(number + 1) for number in range(len(addresses))] == addresses
    assert found.address_of(len(addresses) + 1) is None


@given(lists, st.data())
def test_never_two_brokers_with_one_address(addresses: list[str], data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(addresses)).upper()
    with pytest.raises(Refused, match="cannot have the same address"):
        check_advertised("addresses", [*addresses, again], len(addresses) + 1)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("2001:db8::1", "IPv4 addresses and domain names are accepted, not IPv6"),
        ("broker one.example", "there is white space in it; a domain name has none"),
        ("broker.example:9011", "without a port, please: it is always 9011"),
        ("300.1.1.1", "it is neither an IPv4 address nor a domain name"),
        ("-broker.example", "it is neither an IPv4 address nor a domain name"),
        ("broker_1.example", "it is neither an IPv4 address nor a domain name"),
        ("", "it is neither an IPv4 address nor a domain name"),
    ],
)
def test_what_is_no_address_is_refused_by_its_sentence(address: str, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        check_advertised("addresses", (address,), 1)
    assert str(caught.value).startswith(f'addresses "{address}": {sentence}')


def test_too_few_eips_and_names_are_refused() -> None:
    with pytest.raises(Refused) as few:
        check_eips("eips", ["198.18.1.1"], 3)
    assert str(few.value) == "eips 1 EIPs: one per broker is accepted, 3 of them"
    with pytest.raises(Refused) as name:
        check_eips("eips", ["a.example"], 1)
    assert str(name.value) == 'eips "a.example": IPv4 addresses are accepted'


def test_the_wish_survives_being_stored() -> None:
    former = FormerRoute(route=route("10.9.0.1"), until=12.5)
    served = ServedNames(broker=1, listener="CROSS", start=(1, 1), names=("a.example",))
    asked = wish(access=Access(cross=route("a.example"), former=former, served=(served,)))
    assert Wish.model_validate_json(asked.model_dump_json()) == asked
    stored = asked.model_dump()
    del stored["access"]
    assert Wish.model_validate(stored).access == Access(), "a wish from before had none"


@given(lists)
def test_each_broker_tells_its_own_address_on_9011(addresses: list[str]) -> None:
    count = max(3, len(addresses))
    asked = wish(brokers=count, access=Access(cross=route(*addresses)))
    found = instance(asked)
    for broker in found.brokers:
        (cross,) = [each for each in found.listeners(broker) if each.name is ListenerName.CROSS]
        told = addresses[broker.id - 1] if broker.id <= len(addresses) else broker.address
        assert (cross.advertised_host, cross.port) == (told, 9011)
        assert set(cross.certificate_names) == {told, broker.address}


@SELDOM
@given(st.lists(hosts, min_size=3, max_size=6, unique_by=str.lower), st.data())
def test_what_brokers_tell_comes_back_from_their_strings(
    addresses: list[str], data: st.DataObject
) -> None:
    """With every listener there is; never two brokers with one address, whatever the ways are."""
    count = len(addresses)
    ips = st.ip_addresses(v=4, network="198.18.0.0/16").map(str)
    eips = data.draw(st.lists(ips, min_size=count, max_size=count, unique=True))
    asked = wish(brokers=count, public_access=tuple(eips), access=Access(cross=route(*addresses)))
    found = instance(asked)
    told = []
    for broker in found.brokers:
        strings = endpoints(broker, found.listeners(broker))
        number = broker.id - 1
        assert parsed(strings["listeners"])[-2:] == [
            ("CROSS", str(broker.address), 9011),
            ("PUBLIC", str(broker.address), 9094),
        ]
        assert parsed(strings["advertised.listeners"])[-2:] == [
            ("CROSS", addresses[number], 9011),
            ("PUBLIC", eips[number], 9094),
        ]
        protocols = protocol_map(found.listeners(broker)).split(",")
        assert [each.partition(":")[0] for each in protocols] == [
            name for name, _, _ in parsed(strings["listeners"])
        ]
        told += [(host, port) for _, host, port in parsed(strings["advertised.listeners"])]
    assert len(set(told)) == 5 * count


def test_a_public_listener_is_there_only_while_there_are_eips() -> None:
    eips = ("198.18.1.1", "198.18.1.2", "198.18.1.3")
    for sasl_ssl, port in ((True, 9095), (False, 9094)):
        users = {"first_user": "alice"} if sasl_ssl else {"first_user": None, "sasl_plain": False}
        asked = wish(sasl_ssl=sasl_ssl, public_access=eips, **users)
        found = instance(asked)
        assert found.addresses(ListenerName.PUBLIC) == ",".join(f"{eip}:{port}" for eip in eips)
        properties = server_properties(
            found, found.brokers[1], host_secrets(found, found.brokers[1])
        )
        assert f"PUBLIC://10.0.0.12:{port}" in properties["listeners"]
        assert f"PUBLIC://198.18.1.2:{port}" in properties["advertised.listeners"]
        assert "listener.name.public.principal.builder.class" in properties
        without = instance(asked.model_copy(update={"public_access": ()}))
        assert without.addresses(ListenerName.PUBLIC) is None


def test_names_that_a_process_has_served_stay_in_the_certificate() -> None:
    found = with_names_of_broker_2()
    assert names_at_9011(found)[2] == ("a.example", "10.0.0.12", "old.example")
    assert names_at_9011(found)[1] == ("b.example", "10.0.0.11")
    assert not drops_names(found, found.brokers[1])
    assert kept_sentence(found) == (
        "names by which clients come no more stay in the certificates, because a broker that has "
        "served a name does not take a certificate without it, until the broker is started anew "
        "(restart-instance, or whatever else rolls): broker 2 CROSS: old.example"
    )


@pytest.mark.parametrize(
    "anew",
    [
        {"start_generation": 2},
        {"broker_generations": ((2, 2),)},
        {"machine_generations": ((2, 2),)},
    ],
)
def test_a_broker_that_is_started_anew_drops_them(anew: dict[str, Any]) -> None:
    before = with_names_of_broker_2()
    found = replace(before, wish=before.wish.model_copy(update=anew))
    assert names_at_9011(found)[2] == ("a.example", "10.0.0.12")
    assert [each.id for each in found.brokers if drops_names(found, each)] == [2]
    assert kept_sentence(found) is None


def with_names_of_broker_2() -> Instance:
    """An instance of which one broker has served a name before."""
    served = ServedNames(
        broker=2, listener="CROSS", start=(1, 1), names=("old.example", "a.example")
    )
    access = Access(cross=route("b.example", "a.example", "c.example"), served=(served,))
    return instance(wish(sasl_ssl=True, first_user="alice", access=access))


def names_at_9011(found: Instance) -> dict[int, tuple[str, ...]]:
    """Broker -> the names in its certificate."""
    return {
        broker.id: next(
            each.certificate_names
            for each in found.listeners(broker)
            if each.name is ListenerName.CROSS
        )
        for broker in found.brokers
    }


def sources_of(found: Instance, port: int) -> tuple[str, ...] | None:
    return next((each.sources for each in openings(found) if each.port == port), None)


def test_9011_is_open_to_those_who_may_come_by_its_routes() -> None:
    endpoints, dnat = route("a.example"), Route(mode=CrossMode.DNAT, addresses=("198.18.1.1",))
    assert sources_of(with_access(), 9011) == ()
    assert sources_of(with_access(cross=endpoints), 9011) == ("198.19.128.0/17", CONTROL)
    narrow = with_access(cross=endpoints, endpoint_network="10.9.0.0/24")
    assert sources_of(narrow, 9011) == ("10.9.0.0/24", CONTROL)
    for open_to_all in (
        with_access(cross=dnat),
        with_access(cross=endpoints, former=FormerRoute(route=dnat, until=1.0)),
    ):
        assert ANYONE in (sources_of(open_to_all, 9011) or ())
        assert "tcp dport 9011 drop" not in ruleset(open_to_all)
    leaving = with_access(former=FormerRoute(route=endpoints, until=1.0))
    assert sources_of(leaving, 9011) == ("198.19.128.0/17", CONTROL)


def test_anybody_may_come_by_an_eip() -> None:
    found = with_access(public=("198.18.1.1", "198.18.1.2", "198.18.1.3"))
    port = 9095 if found.wish.sasl_ssl else 9094
    assert ANYONE in (sources_of(found, port) or ())
    assert f"tcp dport {port} drop" not in ruleset(found).replace("ipv6 tcp", "")


@given(st.integers(1, 20_000), st.ip_addresses(v=4))
def test_limits_of_one_address_are_the_wished_ones(limit: int, gateway: IPv4Address) -> None:
    behind = route("a.example", masquerade=True, seen_as=(str(gateway),))
    found = with_access(cross=behind, per_address=limit)
    limits = limits_in_file(found, found.brokers[0])
    assert limits["max.connections.per.ip"] == str(limit)
    assert f"{gateway}:20000" in limits["max.connections.per.ip.overrides"]
