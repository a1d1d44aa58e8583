"""The host firewall, seen from outside, with the cloud's own groups wide open."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flows.domain.firewall import table_name
from tests.acceptance.parts import Demo, in_namespace
from tests.acceptance.plane import Plane

OURS = (9011, 9090, 9091, 9093, 2181, 2888, 3888)
LISTENING_EVERYWHERE = (9011, 9090, 9091, 9093, 2181, 3888)
"""2888 is open on the leader of the ensemble alone."""

_SCAN = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
host, *ports = json.load(sys.stdin)
def answers(port):
    try:
        socket.create_connection((host, port), timeout=1.5).close()
    except OSError:
        return False
    return True
with ThreadPoolExecutor(16) as pool:
    print(json.dumps([port for port, found in zip(ports, pool.map(answers, ports)) if found]))
"""


def open_ports(namespace: str, host: str, ports: tuple[int, ...] = OURS) -> list[int]:
    """The ports of the host that answer somebody in that namespace."""
    wish = json.dumps([host, *ports])
    done = in_namespace(namespace, sys.executable, "-c", _SCAN, input=wish)
    return list(json.loads(done.stdout))


@contextmanager
def without_table(plane: Plane, demo: Demo) -> Iterator[None]:
    """The host of the first broker filters nothing meanwhile."""
    own = plane.machine_namespace(plane.instance_machines("demo")[0].name)
    table = ("table", "inet", table_name(demo.instance))
    kept = in_namespace(own, "nft", "list", *table).stdout
    try:
        in_namespace(own, "nft", "delete", *table)
        yield
    finally:
        in_namespace(own, "nft", "-f", "-", input=kept)


@pytest.fixture
def broker(demo: Demo) -> str:
    """The address of the first broker."""
    return str(demo.instance.brokers[0].address)


def test_everything_listens_there(plane: Plane, demo: Demo, broker: str) -> None:
    machine = plane.instance_machines("demo")[0]
    own = plane.machine_namespace(machine.name)
    assert set(LISTENING_EVERYWHERE) <= set(open_ports(own, broker))


@pytest.mark.usefixtures("wide_open")
def test_a_client_reaches_its_listener_and_nothing_else(plane: Plane, broker: str) -> None:
    assert open_ports(plane.lab.client("lan").netns, broker) == [9093]


@pytest.mark.usefixtures("wide_open")
def test_a_machine_of_another_instance_reaches_no_more(
    plane: Plane, plain: str, broker: str
) -> None:
    neighbour = plane.instance_machines(plain)[0]
    assert open_ports(plane.machine_namespace(neighbour.name), broker) == [9093]


def test_port_22_is_not_ours(plane: Plane, demo: Demo) -> None:
    rules = in_namespace(
        plane.machine_namespace(plane.instance_machines("demo")[0].name), "nft", "list", "ruleset"
    ).stdout
    assert table_name(demo.instance) in rules
    assert " 22 " not in rules


@pytest.mark.usefixtures("wide_open")
def test_without_the_hosts_table_more_would_answer(plane: Plane, demo: Demo, broker: str) -> None:
    with without_table(plane, demo):
        found = set(open_ports(plane.lab.client("lan").netns, broker))
    assert set(LISTENING_EVERYWHERE) <= found
    assert open_ports(plane.lab.client("lan").netns, broker) == [9093]


def test_the_instances_group_lets_through_no_more_than_the_host(
    plane: Plane, demo: Demo, broker: str
) -> None:
    with without_table(plane, demo):
        assert open_ports(plane.lab.client("lan").netns, broker) == [9093]
