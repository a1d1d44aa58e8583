"""DNAT: an outside client comes by a gateway's EIPs, also after the gateway has crashed.

And what somebody changes by hand, on hosts, brokers or the gateway, is seen and put right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from flows.domain import firewall
from flows.domain.dnat import table_name
from flows.monitoring.check_access import check_access
from tests.acceptance.parts import (
    Demo,
    assert_served,
    client,
    cloud_wide_open,
    in_namespace,
    logins,
)
from tests.acceptance.plane import Plane, wait_until
from tests.acceptance.test_firewall import LISTENING_EVERYWHERE, OURS, open_ports
from tests.acceptance.ways import Addresses, at, lab_eips

ELSEWHERE = "203.0.113.99:9011"
"""Where no broker is; nobody is asked to go there."""
PER_ADDRESS = "max.connections.per.ip"
Difference = tuple[str, str]
"""Where and what, as check-access names it."""


@pytest.fixture(scope="module")
def eips(plane: Plane) -> Addresses:
    """One for each broker."""
    return lab_eips(plane, 101, 102, 103)


@pytest.fixture(scope="module")
def starts(plane: Plane, demo: Demo) -> list[float | None]:
    """When the processes of the brokers were started."""
    return process_starts(plane, demo)


@pytest.fixture(scope="module")
def dnat(plane: Plane, demo: Demo, eips: Addresses, starts: list[float | None]) -> Iterator[str]:
    """What the operation said; afterwards the instance is as it was."""
    yield plane.ask("set-dnat", "instance=demo", f"eips={','.join(eips)}")
    plane.ask("remove-dnat", "instance=demo")


@pytest.fixture
def changed_by_hand(plane: Plane, demo: Demo, dnat: str, eips: Addresses) -> Iterator[None]:
    """Broker 1 was told other things, broker 2 filters nothing, the gateway lost a rule."""
    try:
        tell_otherwise(plane, demo)
        flush_firewall(plane, demo)
        delete_rule(plane, demo, eips[2])
        yield
    finally:
        plane.ask("converge-access", "instance=demo")


@pytest.fixture(scope="module")
def outside(plane: Plane) -> str:
    """A client's place outside."""
    return plane.lab.client("outside").netns


def process_starts(plane: Plane, demo: Demo) -> list[float | None]:
    """When each broker's process was started, as its host says."""
    hosts = plane.doors.hosts(demo.instance.id)
    states = [hosts.observe(machine) for machine in plane.instance_machines("demo")]
    return [state.kafka_started if state else None for state in states]


def gateway(plane: Plane, *command: str) -> str:
    """What a command says where the gateway's rules are."""
    return in_namespace(plane.lab.plan.router_netns, *command).stdout


def told(plane: Plane, demo: Demo) -> dict[str, str]:
    """Listener -> the address that broker 1 tells clients of it."""
    return dict(plane.doors.zookeeper.state(demo.instance).told[1])


def tell_otherwise(plane: Plane, demo: Demo) -> None:
    """Broker 1 tells clients of 9011 of another place, and has another limit, until it restarts."""
    addresses = {**told(plane, demo), "CROSS": ELSEWHERE}
    listed = ",".join(f"{name}://{address}" for name, address in addresses.items())
    values = {"advertised.listeners": listed, PER_ADDRESS: "900"}
    plane.doors.kafka.alter_broker(demo.instance, 1, values)
    wait_until(lambda: told(plane, demo)["CROSS"] == ELSEWHERE, "broker 1 tells another place", 30)


def flush_firewall(plane: Plane, demo: Demo) -> None:
    """The table of broker 2's host has no rule any more."""
    own = plane.machine_namespace(plane.instance_machines("demo")[1].name)
    table = firewall.table_name(demo.instance)
    assert in_namespace(own, "nft", "flush", "table", "inet", table).returncode == 0
    address = str(demo.instance.brokers[1].address)
    with cloud_wide_open(plane):
        found = open_ports(plane.lab.client("lan").netns, address)
    assert set(LISTENING_EVERYWHERE) <= set(found)


def delete_rule(plane: Plane, demo: Demo, eip: str) -> None:
    """The gateway's kernel translates this EIP no more; its file still would."""
    chain = ("ip", table_name(demo.instance.id), "prerouting")
    listed = gateway(plane, "nft", "--handle", "list", "chain", *chain)
    found = re.search(rf"ip daddr {re.escape(eip)} .*# handle (\d+)", listed)
    assert found is not None, listed
    gateway(plane, "nft", "delete", "rule", *chain, "handle", found[1])


def differences(plane: Plane) -> set[Difference]:
    """What `fleet check-access` names; it ends well only where there is nothing to be named."""
    done = plane.fleet("check-access", "demo", "--json")
    found = {(each["place"], each["what"]) for each in json.loads(done.stdout)}
    assert done.returncode == int(bool(found)), done.stderr
    return found


def test_an_outside_client_reaches_every_broker(
    demo: Demo, dnat: str, outside: str, eips: Addresses
) -> None:
    assert_served(outside, demo.settings_at(at(eips, 9011)), "by-dnat")


def test_no_broker_was_restarted(
    plane: Plane, demo: Demo, dnat: str, starts: list[float | None]
) -> None:
    assert process_starts(plane, demo) == starts


def test_the_rules_are_listed_with_what_came_through_them(
    plane: Plane, demo: Demo, dnat: str, eips: Addresses
) -> None:
    lines = plane.json("dnat", "demo")
    assert [line["eip"] for line in lines] == [f"{eip}:9011" for eip in eips]
    assert {line["state"] for line in lines} == {"in force"}
    assert all(line["connections"] > 0 for line in lines)


def test_the_same_again_has_nothing_to_do(plane: Plane, dnat: str, eips: Addresses) -> None:
    again = plane.ask("set-dnat", "instance=demo", f"eips={','.join(eips)}")
    assert "nothing to do" in again


def test_swapped_eips_are_refused(plane: Plane, dnat: str, eips: Addresses) -> None:
    said = plane.refused("set-dnat", "instance=demo", f"eips={eips[1]},{eips[0]},{eips[2]}")
    assert f'eips "{eips[1]}": it leads to broker 2 now' in said


def test_a_gateway_that_crashed_has_its_rules_again(
    plane: Plane, demo: Demo, dnat: str, outside: str, eips: Addresses
) -> None:
    settings = demo.settings_at(at(eips, 9011))
    gateway(plane, "nft", "add", "table", "ip", "foreign")
    plane.lab.crash("gateway")
    try:
        assert table_name(demo.instance.id) not in gateway(plane, "nft", "list", "tables")
        assert client(outside, verb="log_in", settings=settings) != "ok"
    finally:
        plane.lab.start("gateway")
    wait_until(
        lambda: table_name(demo.instance.id) in gateway(plane, "nft", "list", "tables"),
        "the gateway has loaded its rules",
    )
    assert_served(outside, settings, "by-dnat-again")


def test_what_is_changed_by_hand_is_named_and_put_right(
    plane: Plane, demo: Demo, changed_by_hand: None, eips: Addresses, outside: str
) -> None:
    assert differences(plane) == {
        ("broker 1", "tells clients CROSS"),
        ("broker 1", f"told {PER_ADDRESS}"),
        *(("broker 2", f"firewall {port}") for port in OURS),
        ("gateway gateway", f"rule {eips[2]}:9011"),
        ("clients", "the way"),
    }
    said = check_access(plane.doors)
    assert f"demo: broker 1, tells clients CROSS: {ELSEWHERE} instead of {eips[0]}:9011" in said
    assert f"rule {eips[2]}:9011: missing until the gateway boots instead of in force" in said
    assert plane.doors.records.traces("demo")[-1].name == "accessDriftChanged"

    before = process_starts(plane, demo)
    plane.ask("converge-access", "instance=demo")
    assert differences(plane) == set()
    assert process_starts(plane, demo) == before
    assert open_ports(plane.lab.client("lan").netns, str(demo.instance.brokers[1].address)) == [
        9011,
        9093,
    ]
    assert logins(demo, outside, at(eips, 9011)) == {"ok"}
    assert told(plane, demo)["CROSS"] == f"{eips[0]}:9011"


@pytest.mark.slow
def test_a_gateway_that_masquerades_is_not_limited_as_one_client(
    plane: Plane, demo: Demo, dnat: str, eips: Addresses, outside: str
) -> None:
    before = process_starts(plane, demo)
    plane.ask("set-dnat", "instance=demo", f"eips={','.join(eips)}", "source=masquerade")
    configs = plane.doors.zookeeper.state(demo.instance).broker_configs
    seen_as = str(plane.lab.plan.gateway)
    for broker in ("1", "2", "3"):
        overrides = configs[broker][f"{PER_ADDRESS}.overrides"].split(",")
        assert seen_as in {each.partition(":")[0] for each in overrides}
    assert logins(demo, outside, at(eips, 9011)) == {"ok"}
    assert differences(plane) == set()
    assert process_starts(plane, demo) == before


def test_a_removal_leaves_nothing_on_the_gateway(
    plane: Plane, demo: Demo, dnat: str, outside: str, eips: Addresses
) -> None:
    gateway(plane, "nft", "add", "table", "ip", "foreign")
    plane.ask("remove-dnat", "instance=demo")
    tables = gateway(plane, "nft", "list", "tables")
    assert table_name(demo.instance.id) not in tables
    assert "table ip foreign" in tables
    assert not plane.lab.eips()
    assert plane.json("dnat", "demo") == []
    settings = demo.settings_at(at(eips, 9011))
    assert client(outside, verb="log_in", settings=settings) != "ok"
    gateway(plane, "nft", "delete", "table", "ip", "foreign")
