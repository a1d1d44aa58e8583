"""Other addresses for clients, while a client that was not written here goes on writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.acceptance.certified import (
    MESSAGES,
    assert_served,
    by_certificate,
    certificate_of,
    chains,
    differing,
    logins,
    switch_mutual_tls,
    without_certificate,
)
from tests.acceptance.parts import PASSWORD, Demo, Secured, client
from tests.acceptance.plane import Plane
from tests.acceptance.spoiling import in_between, lacking_names
from tests.acceptance.test_firewall import open_ports
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    load,
    spread_topic,
    started,
)

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


@pytest.fixture(scope="module")
def by_eips(demo: Demo, eips: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Far:
    """A client that comes by EIPs."""
    servers = ",".join(f"{eip}:9095" for eip in eips)
    return Far(demo.plane, tmp_path_factory.mktemp("farther"), demo.name, servers)


def told_at_9011(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """What clients of 9011 are told, broker by broker."""
    return [str(line["told"]) for line in lines if line["listener"] == "CROSS"]


def run(plane: Plane, operation: str, *wish: str) -> str:
    """What the operation on the shared instance said."""
    return plane.ask(operation, "instance=demo", *wish)


def fails(plane: Plane, operation: str, *wish: str) -> str:
    """What is said of a change that is put back."""
    return plane.fails(operation, "instance=demo", *wish)


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


@contextmanager
def mutual_tls(plane: Plane) -> Iterator[None]:
    """It is on meanwhile."""
    try:
        switch_mutual_tls(plane, "on")
        yield
    finally:
        switch_mutual_tls(plane, "off")


def with_password(demo: Demo, servers: str) -> dict[str, str]:
    """A client of these servers that logs in."""
    return demo.settings() | {"bootstrap.servers": servers}


def logged_in(ways: Mapping[str, str], settings: Callable[[str], Mapping[str, str]]) -> set[str]:
    """What clients of every network are answered; each sends a request and reads the answer.

    With TLS 1.3 the handshake of a client without a certificate succeeds.
    """

    def answer(namespace: str) -> str:
        return str(client(namespace, verb="log_in", settings=settings(ways[namespace])))

    with ThreadPoolExecutor() as pool:
        return set(pool.map(answer, ways))


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


def test_another_certificate_on_the_clients_way_is_seen_from_there_and_all_is_put_back(
    plane: Plane, demo: Demo, open_ways: None, by_eips: Far, tmp_path: Path
) -> None:
    """It lacks the name by which clients come; what the brokers serve is right all the time."""
    outside, second = plane.lab.client("outside").netns, by_eips.servers.split(",")[1]
    before, place = chains(demo, 9095), (second.partition(":")[0], 9095)
    with load(plane, by_eips, spread_topic(plane, demo, "diverted"), "outside") as told:
        with in_between(outside, place, lacking_names(demo), tmp_path):
            said = fails(plane, "replace-certificates")
        assert f"broker 2 PUBLIC, seen from outside at {second}: the certificate that" in said
        assert said.endswith(f"is not for {place[0]}; it was told its old stores again")
        assert differing(before, chains(demo, 9095)) == {1}, "2 is as before, 3 was left alone"
        assert logins(by_eips, outside) == {"ok"}
        run(plane, "replace-certificates")
    assert_nothing_lost(told.answer)
    assert differing(before, chains(demo, 9095)) == {1, 2, 3}


@pytest.mark.usefixtures("open_ways")
def test_with_mutual_tls_every_way_wants_a_certificate(
    plane: Plane, demo: Demo, by_eips: Far, by_endpoints: Far, tmp_path: Path
) -> None:
    ways = {
        plane.lab.client("outside").netns: by_eips.servers,
        plane.lab.client("vpc").netns: by_endpoints.servers,
    }
    dora = certificate_of(plane, "dora", tmp_path / "dora")
    with mutual_tls(plane):
        for namespace, servers in ways.items():
            assert_served(namespace, by_certificate(servers, dora), f"certified-{namespace}")
        assert "ok" not in logged_in(ways, lambda servers: without_certificate(servers, dora))
        assert "ok" not in logged_in(ways, lambda servers: with_password(demo, servers))
        run(plane, "revoke-client-certificate", "user=dora")
        assert "ok" not in logged_in(ways, lambda servers: by_certificate(servers, dora))
    assert logged_in(ways, lambda servers: with_password(demo, servers)) == {"ok"}
    assert "ok" not in logged_in(ways, lambda servers: without_certificate(servers, dora))


def test_swapped_endpoints_are_named_and_put_back(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses
) -> None:
    one, two, three = endpoints
    said = fails(plane, "set-endpoints", f"addresses={two},{one},{three}")
    assert f"broker 1 at {two}:9011" in said
    assert f"broker 2 at {one}:9011" in said
    lines = plane.json("access", "demo")["lines"]
    assert all(line["good"] for line in lines)
