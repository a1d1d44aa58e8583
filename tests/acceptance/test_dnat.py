"""DNAT: an outside client comes by a gateway's EIPs, also after the gateway has crashed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flows.domain.dnat import table_name
from tests.acceptance.parts import Demo, client, in_namespace
from tests.acceptance.plane import Plane, wait_until

MESSAGES = 30


@pytest.fixture(scope="module")
def eips(plane: Plane) -> tuple[str, ...]:
    """One for each broker."""
    return tuple(str(plane.lab.plan.eips[number]) for number in (101, 102, 103))


@pytest.fixture(scope="module")
def starts(plane: Plane, demo: Demo) -> list[float | None]:
    """When the processes of the brokers were started."""
    return process_starts(plane, demo)


@pytest.fixture(scope="module")
def dnat(
    plane: Plane, demo: Demo, eips: tuple[str, ...], starts: list[float | None]
) -> Iterator[str]:
    """What the operation said; afterwards the instance is as it was."""
    yield plane.ask("set-dnat", "instance=demo", f"eips={','.join(eips)}")
    plane.ask("remove-dnat", "instance=demo")


@pytest.fixture(scope="module")
def outside(plane: Plane) -> str:
    """A client's place outside."""
    return plane.lab.client("outside").netns


def process_starts(plane: Plane, demo: Demo) -> list[float | None]:
    """When each broker's process was started, as its host says."""
    hosts = plane.doors.hosts(demo.instance.id)
    states = [hosts.observe(machine) for machine in plane.instance_machines("demo")]
    return [state.kafka_started if state else None for state in states]


def settings(demo: Demo, eips: tuple[str, ...]) -> dict[str, str]:
    """A client that knows the EIPs alone."""
    return demo.settings() | {"bootstrap.servers": ",".join(f"{eip}:9011" for eip in eips)}


def round_trip(demo: Demo, outside: str, eips: tuple[str, ...], topic: str) -> Any:
    """Messages from outside to every broker and back."""
    connection = settings(demo, eips)
    assert client(outside, verb="create_topic", settings=connection, topic=topic) == "ok"
    verb = "produce_and_consume"
    return client(outside, verb=verb, settings=connection, topic=topic, messages=MESSAGES)


def gateway(plane: Plane, *command: str) -> str:
    """What a command says where the gateway's rules are."""
    return in_namespace(plane.lab.plan.router_netns, *command).stdout


def refused(plane: Plane, eips: tuple[str, ...]) -> str:
    """What is said of a request that must not be carried out."""
    return plane.refused("set-dnat", "instance=demo", f"eips={','.join(eips)}")


def test_an_outside_client_reaches_every_broker(
    demo: Demo, dnat: str, outside: str, eips: tuple[str, ...]
) -> None:
    told = round_trip(demo, outside, eips, "by-dnat")
    assert told == {"acknowledged": MESSAGES, "consumed": MESSAGES}


def test_no_broker_was_restarted(
    plane: Plane, demo: Demo, dnat: str, starts: list[float | None]
) -> None:
    assert process_starts(plane, demo) == starts


def test_the_rules_are_listed_with_what_came_through_them(
    plane: Plane, demo: Demo, dnat: str, eips: tuple[str, ...]
) -> None:
    lines = plane.json("dnat", "demo")
    assert [line["eip"] for line in lines] == [f"{eip}:9011" for eip in eips]
    assert {line["state"] for line in lines} == {"in force"}
    assert all(line["connections"] > 0 for line in lines)


def test_the_same_again_has_nothing_to_do(plane: Plane, dnat: str, eips: tuple[str, ...]) -> None:
    again = plane.ask("set-dnat", "instance=demo", f"eips={','.join(eips)}")
    assert "nothing to do" in again


def test_swapped_eips_are_refused(plane: Plane, dnat: str, eips: tuple[str, ...]) -> None:
    said = refused(plane, (eips[1], eips[0], eips[2]))
    assert f'eips "{eips[1]}": it leads to broker 2 now' in said


def test_a_gateway_that_crashed_has_its_rules_again(
    plane: Plane, demo: Demo, dnat: str, outside: str, eips: tuple[str, ...]
) -> None:
    gateway(plane, "nft", "add", "table", "ip", "foreign")
    plane.lab.crash("gateway")
    try:
        assert table_name(demo.instance.id) not in gateway(plane, "nft", "list", "tables")
        assert client(outside, verb="log_in", settings=settings(demo, eips)) != "ok"
    finally:
        plane.lab.start("gateway")
    wait_until(
        lambda: table_name(demo.instance.id) in gateway(plane, "nft", "list", "tables"),
        "the gateway has loaded its rules",
    )
    told = round_trip(demo, outside, eips, "by-dnat-again")
    assert told == {"acknowledged": MESSAGES, "consumed": MESSAGES}


def test_a_removal_leaves_nothing_on_the_gateway(
    plane: Plane, demo: Demo, dnat: str, outside: str, eips: tuple[str, ...]
) -> None:
    gateway(plane, "nft", "add", "table", "ip", "foreign")
    plane.ask("remove-dnat", "instance=demo")
    tables = gateway(plane, "nft", "list", "tables")
    assert table_name(demo.instance.id) not in tables
    assert "table ip foreign" in tables
    assert not plane.lab.eips()
    assert plane.json("dnat", "demo") == []
    assert client(outside, verb="log_in", settings=settings(demo, eips)) != "ok"
    gateway(plane, "nft", "delete", "table", "ip", "foreign")
