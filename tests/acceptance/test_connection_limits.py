"""Too many connections: clients wait or are closed, the product and the other brokers get in."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from flows.domain.limiting import FEWEST_PER_ADDRESS
from tests.acceptance.parts import Demo, Secured, client
from tests.acceptance.plane import Plane, wait_until
from tests.acceptance.under_load import started

FEW = 8
MORE = FEWEST_PER_ADDRESS + 4
LISTENER = "listener.name.private.max.connections"
PER_ADDRESS = "max.connections.per.ip"


@contextmanager
def crowd(address: str, port: int, connections: int = FEW) -> Iterator[None]:
    """So many connections to a broker, from this host, which is no client's."""
    with ExitStack() as stack:
        for _ in range(connections):
            stack.enter_context(socket.create_connection((address, port), timeout=5))
        yield


def at_broker_1(secured: Secured) -> dict[str, str]:
    """A client that knows the first broker only."""
    address = secured.instance.brokers[0].address
    return secured.settings() | {"bootstrap.servers": f"{address}:9093"}


def crowded_out(plane: Plane, secured: Secured) -> bool:
    """Whether a client of broker 1 is kept waiting by a crowd, and served when it is alone."""
    lan, settings = plane.lab.client("lan").netns, at_broker_1(secured)
    with crowd(str(secured.instance.brokers[0].address), 9093):
        answer = client(lan, verb="log_in", settings=settings)
        # Whoever is not limited there: the product through CONTROL, and all brokers among them.
        assert plane.doors.kafka.cluster(secured.instance).brokers == (1, 2, 3)
    wait_until(lambda: client(lan, verb="log_in", settings=settings) == "ok", "it is served")
    return bool(answer != "ok")


@contextmanager
def limited(plane: Plane, secured: Secured, low: Mapping[str, str], usual: str) -> Iterator[None]:
    """Broker 1 has a low limit meanwhile."""
    plane.doors.kafka.alter_broker(secured.instance, 1, low)
    try:
        yield
    finally:
        plane.doors.kafka.alter_broker(secured.instance, 1, dict.fromkeys(low, usual))


def test_show_says_what_is_enforced(plane: Plane, demo: Demo) -> None:
    told = plane.json("show", "demo")["connections"]
    assert told.startswith("at most 2,000 on each client listener of each broker, at most 1,000 of")
    assert told in " ".join(plane.succeeds("show", "demo").split())


def test_a_full_listener_keeps_clients_waiting_and_lets_the_product_in(
    plane: Plane, demo: Demo
) -> None:
    assert not crowded_out(plane, demo)
    with limited(plane, demo, {LISTENER: str(FEW)}, "2000"):
        assert crowded_out(plane, demo)
    assert not crowded_out(plane, demo)


def test_one_address_gets_no_more_than_its_share_and_the_product_does(
    plane: Plane, demo: Demo
) -> None:
    lan, settings = plane.lab.client("lan").netns, at_broker_1(demo)
    with limited(plane, demo, {PER_ADDRESS: "3"}, "1000"):
        wait_until(
            lambda: client(lan, verb="knock", settings=settings, connections=FEW) == 3,
            "three of the connections are left open",
            30,
        )
        with crowd(str(demo.instance.brokers[0].address), 9091):
            assert plane.doors.kafka.cluster(demo.instance).brokers == (1, 2, 3)


def test_another_limit_of_one_address_is_told_to_brokers_that_run(plane: Plane, demo: Demo) -> None:
    before = started(plane, demo)
    try:
        plane.ask("set-connection-limits", "instance=demo", f"per_address={FEWEST_PER_ADDRESS}")
        wait_until(lambda: left_open(plane, demo) == FEWEST_PER_ADDRESS, "ten are left open", 30)
    finally:
        plane.ask("set-connection-limits", "instance=demo", "per_address=1000")
    wait_until(lambda: left_open(plane, demo) == MORE, "all are left open again", 30)
    assert started(plane, demo) == before


def left_open(plane: Plane, demo: Demo) -> int:
    """How many connections of one client, which makes more than the fewest, broker 1 leaves."""
    lan, settings = plane.lab.client("lan").netns, at_broker_1(demo)
    return int(client(lan, verb="knock", settings=settings, connections=MORE))
