"""Other addresses for clients, while a client that was not written here goes on writing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest

from flows.domain.errors import EffectFailed, GateTimeout
from tests.acceptance.parts import Demo, client
from tests.acceptance.plane import Plane
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    load,
    spread_topic,
    started,
)

MESSAGES = 30
Addresses = tuple[str, ...]


@pytest.fixture(scope="module")
def eips(plane: Plane) -> Addresses:
    """One for each broker."""
    return tuple(str(plane.lab.plan.eips[number]) for number in (111, 112, 113))


@pytest.fixture(scope="module")
def endpoints(plane: Plane, demo: Demo) -> Iterator[Addresses]:
    """Endpoint addresses that lead to the brokers, in their order."""
    addresses = [plane.lab.plan.endpoints[number] for number in (11, 12, 13)]
    machines = plane.instance_machines("demo")
    for address, machine in zip(addresses, machines, strict=True):
        plane.lab.assign_endpoint(address, machine.name)
    yield tuple(map(str, addresses))
    for address in addresses:
        plane.lab.release_endpoint(address)


@pytest.fixture(scope="module")
def open_ways(plane: Plane, demo: Demo, eips: Addresses, endpoints: Addresses) -> Iterator[None]:
    """Both ways were opened under load; afterwards the instance is as it was."""
    before = started(plane, demo)
    with load(plane, demo, spread_topic(plane, demo, "while-opened")) as told:
        run(plane, "set-public-access", f"eips={','.join(eips)}")
        run(plane, "set-endpoints", f"addresses={','.join(endpoints)}")
    assert_nothing_lost(told.answer)
    yield
    with load(plane, demo, spread_topic(plane, demo, "while-closed")) as told:
        run(plane, "set-public-access", "eips=none")
        run(plane, "set-endpoints", "addresses=none", "keep_old=0")
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))


def run(plane: Plane, operation: str, *wish: str) -> str:
    """What the operation on the shared instance said."""
    return plane.ask(operation, "instance=demo", *wish)


def fails(plane: Plane, operation: str, *wish: str) -> str:
    """What is said of a mapping that is put back."""
    with pytest.raises((EffectFailed, GateTimeout)) as failed:
        run(plane, operation, *wish)
    return str(failed.value)


def round_trip(
    plane: Plane, demo: Demo, network: Literal["outside", "vpc"], servers: str
) -> object:
    """Messages to every broker and back, by a client that knows these addresses alone."""
    connection = demo.settings() | {"bootstrap.servers": servers}
    namespace, topic = plane.lab.client(network).netns, f"by-{network}"
    assert client(namespace, verb="create_topic", settings=connection, topic=topic) == "ok"
    return client(
        namespace,
        verb="produce_and_consume",
        settings=connection,
        topic=topic,
        messages=MESSAGES,
    )


def test_a_client_outside_comes_by_eips(
    plane: Plane, demo: Demo, open_ways: None, eips: Addresses
) -> None:
    servers = ",".join(f"{eip}:9095" for eip in eips)
    told = round_trip(plane, demo, "outside", servers)
    assert told == {"acknowledged": MESSAGES, "consumed": MESSAGES}


def test_a_client_of_another_network_comes_by_endpoints(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses
) -> None:
    servers = ",".join(f"{address}:9011" for address in endpoints)
    told = round_trip(plane, demo, "vpc", servers)
    assert told == {"acknowledged": MESSAGES, "consumed": MESSAGES}


def test_everybody_sees_by_which_ways_clients_come(
    plane: Plane, open_ways: None, eips: Addresses, endpoints: Addresses
) -> None:
    view = plane.json("access", "demo")
    assert all(line["good"] for line in view["lines"])
    told = {(line["broker"], line["listener"]): line["told"] for line in view["lines"]}
    assert told[1, "PUBLIC"] == f"{eips[0]}:9095"
    assert told[3, "CROSS"] == f"{endpoints[2]}:9011"


def test_the_same_again_has_nothing_to_do(
    plane: Plane, open_ways: None, endpoints: Addresses
) -> None:
    again = run(plane, "set-endpoints", f"addresses={','.join(endpoints)}")
    assert "nothing to do" in again


def test_swapped_endpoints_are_named_and_put_back(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses
) -> None:
    one, two, three = endpoints
    said = fails(plane, "set-endpoints", f"addresses={two},{one},{three}")
    assert f"broker 1 at {two}:9011" in said
    assert f"broker 2 at {one}:9011" in said
    lines = plane.json("access", "demo")["lines"]
    assert all(line["good"] for line in lines)
