"""Certificates of clients that come by other ways: replaced, wrong on the way, or their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.certified import (
    by_certificate,
    certificate_of,
    chains,
    differing,
    switch_mutual_tls,
    without_certificate,
)
from tests.acceptance.parts import Demo, Far, assert_served, client, logins
from tests.acceptance.plane import Plane, wait_until
from tests.acceptance.spoiling import in_between, lacking_names
from tests.acceptance.under_load import assert_nothing_lost, load, spread_topic
from tests.acceptance.ways import Addresses, at


@contextmanager
def mutual_tls(plane: Plane) -> Iterator[None]:
    """It is on meanwhile."""
    try:
        switch_mutual_tls(plane, "on")
        yield
    finally:
        switch_mutual_tls(plane, "off")


def logged_in(ways: Mapping[str, str], settings: Callable[[str], Mapping[str, str]]) -> set[str]:
    """What clients of every network are answered; each sends a request and reads the answer.

    With TLS 1.3 the handshake of a client without a certificate succeeds.
    """

    def answer(namespace: str) -> str:
        return str(client(namespace, verb="log_in", settings=settings(ways[namespace])))

    with ThreadPoolExecutor() as pool:
        return set(pool.map(answer, ways))


def test_certificates_are_replaced_for_clients_of_other_networks(
    plane: Plane, demo: Demo, open_ways: None, eips: Addresses, by_endpoints: Far
) -> None:
    with load(plane, by_endpoints, spread_topic(plane, demo, "far-replaced"), "vpc") as told:
        plane.ask("replace-certificates", "instance=demo")
    assert_nothing_lost(told.answer)
    outside = demo.settings_at(at(eips, 9095))
    assert client(plane.lab.client("outside").netns, verb="log_in", settings=outside) == "ok"


@pytest.mark.slow
def test_another_certificate_on_the_clients_way_is_seen_from_there_and_all_is_put_back(
    plane: Plane, demo: Demo, open_ways: None, by_eips: Far, tmp_path: Path
) -> None:
    """It lacks the name by which clients come; what the brokers serve is right all the time."""
    outside, second = plane.lab.client("outside").netns, by_eips.servers.split(",")[1]
    before, place = chains(demo, 9095), (second.partition(":")[0], 9095)
    with load(plane, by_eips, spread_topic(plane, demo, "diverted"), "outside") as told:
        with in_between(outside, place, lacking_names(demo), tmp_path):
            said = plane.fails("replace-certificates", "instance=demo")
        assert f"broker 2 PUBLIC, seen from outside at {second}: the certificate that" in said
        assert said.endswith(f"is not for {place[0]}; it was told its old stores again")
        # What Kafka was told it serves up to some seconds later.
        wait_until(
            lambda: differing(before, chains(demo, 9095)) == {1},
            "2 is as before, 3 was left alone",
            15,
        )
        assert logins(by_eips, outside) == {"ok"}
        plane.ask("replace-certificates", "instance=demo")
    assert_nothing_lost(told.answer)
    assert differing(before, chains(demo, 9095)) == {1, 2, 3}


@pytest.mark.usefixtures("open_ways")
@pytest.mark.slow
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
        assert "ok" not in logged_in(ways, demo.settings_at)
        plane.ask("revoke-client-certificate", "instance=demo", "user=dora")
        assert "ok" not in logged_in(ways, lambda servers: by_certificate(servers, dora))
    assert logged_in(ways, demo.settings_at) == {"ok"}
    assert "ok" not in logged_in(ways, lambda servers: without_certificate(servers, dora))
