"""Other addresses for clients, while a client that was not written here goes on writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from flows.domain.errors import EffectFailed, GateTimeout
from tests.acceptance.parts import PASSWORD, Demo, Secured, client
from tests.acceptance.plane import Plane
from tests.acceptance.test_firewall import open_ports
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    load,
    spread_topic,
    started,
)

MESSAGES = 30
PORTS = (9011, 9090, 9091, 9092, 9093, 9094, 9095, 9999, 2181, 2888, 3888)
Addresses = tuple[str, ...]


@dataclass(frozen=True)
class Far(Secured):
    """The instance as a client sees it that knows these addresses alone."""

    servers: str

    def settings(self, user: str = "alice", password: str = PASSWORD) -> dict[str, str]:
        """A librdkafka client's connection."""
        return {**super().settings(user, password), "bootstrap.servers": self.servers}


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


@pytest.fixture(scope="module")
def by_endpoints(demo: Demo, endpoints: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Far:
    """A client that comes by 9011."""
    servers = ",".join(f"{address}:9011" for address in endpoints)
    return Far(demo.plane, tmp_path_factory.mktemp("far"), demo.name, servers)


def told_at_9011(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """What clients of 9011 are told, broker by broker."""
    return [str(line["told"]) for line in lines if line["listener"] == "CROSS"]


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


@pytest.mark.usefixtures("open_ways")
def test_from_each_network_exactly_its_listeners_answer(
    plane: Plane, demo: Demo, plain: str, eips: Addresses, endpoints: Addresses
) -> None:
    private = str(demo.instance.brokers[0].address)
    neighbour = plane.machine_namespace(plane.instance_machines(plain)[0].name)
    seen = {
        "outside": open_ports(plane.lab.client("outside").netns, eips[0], PORTS),
        "vpc": open_ports(plane.lab.client("vpc").netns, endpoints[0], PORTS),
        "lan": open_ports(plane.lab.client("lan").netns, private, PORTS),
        "another instance": open_ports(neighbour, private, PORTS),
    }
    # What is public is open to anyone, also to those who have another way.
    assert seen == {
        "outside": [9095],
        "vpc": [9011, 9095],
        "lan": [9093, 9095],
        "another instance": [9093, 9095],
    }


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


def test_9011_leads_through_a_gateway_and_back_while_clients_of_it_go_on(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses, by_endpoints: Far
) -> None:
    before, view = started(plane, demo), plane.json("access", "demo")["lines"]
    gateway = tuple(str(plane.lab.plan.eips[number]) for number in (121, 122, 123))
    with load(plane, by_endpoints, spread_topic(plane, demo, "rewired"), "vpc") as told:
        run(plane, "set-dnat", f"eips={','.join(gateway)}")
        changed_view = plane.json("access", "demo")["lines"]
        run(plane, "set-endpoints", f"addresses={','.join(endpoints)}", "keep_old=0")
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))
    assert told_at_9011(changed_view) == [f"{eip}:9011" for eip in gateway]
    assert told_at_9011(plane.json("access", "demo")["lines"]) == told_at_9011(view)


def test_certificates_are_replaced_for_clients_of_other_networks(
    plane: Plane, demo: Demo, open_ways: None, eips: Addresses, by_endpoints: Far
) -> None:
    with load(plane, by_endpoints, spread_topic(plane, demo, "far-replaced"), "vpc") as told:
        run(plane, "replace-certificates")
    assert_nothing_lost(told.answer)
    outside = demo.settings() | {"bootstrap.servers": ",".join(f"{eip}:9095" for eip in eips)}
    assert client(plane.lab.client("outside").netns, verb="log_in", settings=outside) == "ok"


def test_swapped_endpoints_are_named_and_put_back(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses
) -> None:
    one, two, three = endpoints
    said = fails(plane, "set-endpoints", f"addresses={two},{one},{three}")
    assert f"broker 1 at {two}:9011" in said
    assert f"broker 2 at {one}:9011" in said
    lines = plane.json("access", "demo")["lines"]
    assert all(line["good"] for line in lines)
