"""Other addresses for clients, while a client that was not written here goes on writing."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flows.access.overdue import drop_overdue
from flows.adapters.stage import PlainStage
from flows.domain.operations import Caller, Door
from inventories.lab.model import ClientNetwork
from tests.acceptance.parts import (
    CLIENT,
    MESSAGES,
    Demo,
    Far,
    assert_served,
    in_namespace,
    logins,
)
from tests.acceptance.plane import Plane, wait_until
from tests.acceptance.registrations import told_at_9011
from tests.acceptance.slowing import slowed
from tests.acceptance.test_firewall import LISTENING_EVERYWHERE, open_ports, without_table
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    engine,
    load,
    spread_topic,
    started,
)
from tests.acceptance.ways import (
    Addresses,
    at,
    endpoint_addresses,
    hosts_lines,
    lab_eips,
    resolving,
)

PORTS = (9011, 9090, 9091, 9092, 9093, 9094, 9095, 9999, 2181, 2888, 3888)
NAMES = ("b1.example", "b2.example", "b3.example")


@pytest.fixture
def ways_of_public(
    plane: Plane, by_9011: None, eips: Addresses, others: Addresses
) -> Iterator[tuple[Addresses, Addresses]]:
    """EIPs and others; afterwards, whatever happened, there is no public access."""
    try:
        yield eips, others
    finally:
        plane.ask("set-public-access", "instance=demo", "eips=none")


@pytest.fixture
def narrow_group(plane: Plane, open_ways: None) -> Iterator[None]:
    """One client in the network and those outside may come in, and nobody else."""
    lan, outside = plane.lab.client("lan").address, plane.lab.status().outside
    try:
        plane.ask("set-security-group", "instance=demo", f"private={lan}", f"public={outside}")
        yield
    finally:
        plane.ask("set-security-group", "instance=demo", "private=default", "public=default")


def shown_at_9011(plane: Plane) -> list[str]:
    """What `fleet access` shows that clients of 9011 are told, broker by broker."""
    lines = plane.json("access", "demo")["lines"]
    return [str(line["told"]) for line in lines if line["listener"] == "CROSS"]


def by_schedule(plane: Plane) -> list[str]:
    """What the schedule drops when it comes now."""
    here = plane.doors.processes.here(str(uuid4()), "none")
    with plane.blocks_at_hand():
        return drop_overdue(plane.doors, Caller("a test", Door.SCHEDULE, here), PlainStage())


def scan(
    plane: Plane, demo: Demo, plain: str, ways: tuple[Addresses, Addresses]
) -> dict[str, list[int]]:
    """Which ports of broker 1 answer in each network, and on a machine of another instance."""
    eips, endpoints = ways
    private = str(demo.instance.brokers[0].address)
    neighbour = plane.machine_namespace(plane.instance_machines(plain)[0].name)
    return {
        "outside": open_ports(plane.lab.client("outside").netns, eips[0], PORTS),
        "vpc": open_ports(plane.lab.client("vpc").netns, endpoints[0], PORTS),
        "lan": open_ports(plane.lab.client("lan").netns, private, PORTS),
        "another instance": open_ports(neighbour, private, PORTS),
    }


def kill_between_brokers(plane: Plane, demo: Demo, eips: Addresses) -> list[str]:
    """DNAT is begun, and its engine killed once broker 1 tells its EIP; what each one tells then.

    Its command has ended as well.
    """
    with told_at_9011(demo) as told:
        process = plane.start("run", "set-dnat", "instance=demo", f"eips={','.join(eips)}")
        try:
            with slowed(plane, "demo"):
                wait_until(lambda: told(1) == f"{eips[0]}:9011", "broker 1 tells its EIP", 300)
                os.kill(engine(plane, "demo"), signal.SIGKILL)
        finally:
            process.communicate(timeout=300)
        assert process.returncode == 1
        return [told(broker) for broker in (1, 2, 3)]


def client_with(hosts: Path, namespace: str, **wish: Any) -> Any:
    """What the client program answers where this is /etc/hosts, for it alone."""
    done = in_namespace(
        namespace, "unshare", "--mount", "sh", "-c",
        'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), sys.executable, str(CLIENT),
        input=json.dumps(wish),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_public_access_comes_changes_and_goes_while_clients_of_other_listeners_go_on(
    plane: Plane, demo: Demo, by_endpoints: Far, ways_of_public: tuple[Addresses, Addresses]
) -> None:
    (eips, others), before = ways_of_public, started(plane, demo)
    lan, far = (spread_topic(plane, demo, f"public-{name}") for name in ("lan", "far"))
    with load(plane, demo, lan) as private, load(plane, by_endpoints, far, "vpc") as at_9011:
        plane.ask("set-public-access", "instance=demo", f"eips={','.join(eips)}")
        plane.ask("set-public-access", "instance=demo", f"eips={','.join(others)}")
        # Who was told the old ones goes on for a while.
        told = logins(demo, plane.lab.client("outside").netns, at((*others, *eips), 9095))
        plane.ask("set-public-access", "instance=demo", "eips=none")
    assert told == {"ok"}
    assert_nothing_lost(private.answer)
    assert_nothing_lost(at_9011.answer)
    assert not changed(before, started(plane, demo))
    assert not {*eips, *others} & set(map(str, plane.lab.eips()))


def test_a_client_outside_comes_by_eips(
    plane: Plane, demo: Demo, open_ways: None, eips: Addresses
) -> None:
    outside = plane.lab.client("outside").netns
    assert_served(outside, demo.settings_at(at(eips, 9095)), "by-outside")


def test_a_client_of_another_network_comes_by_endpoints(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses
) -> None:
    vpc = plane.lab.client("vpc").netns
    assert_served(vpc, demo.settings_at(at(endpoints, 9011)), "by-vpc")


@pytest.mark.usefixtures("open_ways", "wide_open")
def test_from_each_network_exactly_its_listeners_answer(
    plane: Plane, demo: Demo, plain: str, eips: Addresses, endpoints: Addresses
) -> None:
    # What is public is open to anyone, also to those who have another way.
    assert scan(plane, demo, plain, (eips, endpoints)) == {
        "outside": [9095],
        "vpc": [9011, 9095],
        "lan": [9093, 9095],
        "another instance": [9093, 9095],
    }


@pytest.mark.usefixtures("open_ways")
def test_the_instances_group_alone_lets_through_the_same(
    plane: Plane, demo: Demo, plain: str, eips: Addresses, endpoints: Addresses
) -> None:
    with without_table(plane, demo):
        assert scan(plane, demo, plain, (eips, endpoints)) == {
            "outside": [9095],
            "vpc": [9011, 9095],
            "lan": [9093, 9095],
            "another instance": [9093, 9095],
        }


@pytest.mark.usefixtures("open_ways", "wide_open")
def test_without_a_hosts_table_more_would_answer_in_every_network(
    plane: Plane, demo: Demo, plain: str, eips: Addresses, endpoints: Addresses
) -> None:
    with without_table(plane, demo):
        found = scan(plane, demo, plain, (eips, endpoints))
    assert all(set(LISTENING_EVERYWHERE) <= set(ports) for ports in found.values()), found


@pytest.mark.usefixtures("narrow_group", "wide_open")
def test_a_security_group_changes_what_answers_in_each_network(
    plane: Plane, demo: Demo, plain: str, eips: Addresses, endpoints: Addresses
) -> None:
    assert scan(plane, demo, plain, (eips, endpoints)) == {
        "outside": [9095],
        "vpc": [9011],
        "lan": [9093],
        "another instance": [],
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
    again = plane.ask("set-endpoints", "instance=demo", f"addresses={','.join(endpoints)}")
    assert "nothing to do" in again


def test_9011_leads_through_a_gateway_and_back_while_clients_of_it_go_on(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses, by_endpoints: Far
) -> None:
    before, shown = started(plane, demo), shown_at_9011(plane)
    gateway = lab_eips(plane, 121, 122, 123)
    with load(plane, by_endpoints, spread_topic(plane, demo, "rewired"), "vpc") as told:
        plane.ask("set-dnat", "instance=demo", f"eips={','.join(gateway)}")
        shown_there = shown_at_9011(plane)
        plane.ask(
            "set-endpoints", "instance=demo", f"addresses={','.join(endpoints)}", "keep_old=1"
        )
        pending, rules = plane.json("access", "demo")["old_addresses"], plane.json("dnat", "demo")
        dropped = wait_until(lambda: by_schedule(plane), "what was kept is overdue", 30)
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))
    assert shown_there == [f"{eip}:9011" for eip in gateway]
    assert shown_at_9011(plane) == shown
    assert pending == list(gateway)
    assert {line["state"] for line in rules} == {"in force"}
    assert dropped == ["Drop old addresses demo: done"]
    assert plane.json("dnat", "demo") == []
    assert not set(gateway) & set(map(str, plane.lab.eips()))


def test_a_rewire_that_was_killed_between_two_brokers_is_finished_by_the_next_run(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses, by_endpoints: Far
) -> None:
    before, gateway = started(plane, demo), lab_eips(plane, 131, 132, 133)
    try:
        with load(plane, by_endpoints, spread_topic(plane, demo, "killed"), "vpc") as told:
            at_the_kill = kill_between_brokers(plane, demo, gateway)
            plane.ask("set-dnat", "instance=demo", f"eips={','.join(gateway)}")
            view, rules = plane.json("access", "demo")["lines"], plane.json("dnat", "demo")
    finally:
        plane.ask(
            "set-endpoints", "instance=demo", f"addresses={','.join(endpoints)}", "keep_old=0"
        )
    assert at_the_kill[0] == f"{gateway[0]}:9011"
    assert at_the_kill[2] == f"{endpoints[2]}:9011", "it was killed too late"
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))
    assert all(line["good"] for line in [*view, *rules])
    _, finished, cut_off = plane.json("history", "demo")[:3]
    assert (finished["operation"], finished["status"]) == ("set-dnat", "successful")
    assert (cut_off["operation"], cut_off["status"]) == ("set-dnat", "interrupted")


@pytest.mark.slow
def test_a_rewire_that_was_killed_between_two_brokers_is_rolled_back(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses, by_endpoints: Far
) -> None:
    before, gateway = started(plane, demo), lab_eips(plane, 134, 135, 136)
    with load(plane, by_endpoints, spread_topic(plane, demo, "rolled-back"), "vpc") as told:
        at_the_kill = kill_between_brokers(plane, demo, gateway)
        plane.ask("roll-back", "instance=demo")
        shown, rules = shown_at_9011(plane), plane.json("dnat", "demo")
    assert at_the_kill[0] == f"{gateway[0]}:9011"
    assert shown == [f"{address}:9011" for address in endpoints]
    assert rules == []
    assert not set(gateway) & set(map(str, plane.lab.eips()))
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))


@pytest.mark.slow
def test_names_are_told_to_clients_who_know_what_they_mean(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses, scratch: Path
) -> None:
    meaning, hosts = dict(zip(NAMES, endpoints, strict=True)), scratch / "hosts"
    hosts.write_text(hosts_lines(meaning))
    with resolving(plane, meaning):
        try:
            plane.ask("set-endpoints", "instance=demo", f"addresses={','.join(NAMES)}")
            shown = shown_at_9011(plane)
            found = client_with(
                hosts,
                plane.lab.client("vpc").netns,
                verb="produce_and_consume",
                settings=demo.settings_at(at(NAMES, 9011)),
                topic=spread_topic(plane, demo, "by-names"),
                messages=MESSAGES,
            )
        finally:
            plane.ask(
                "set-endpoints", "instance=demo", f"addresses={','.join(endpoints)}", "keep_old=0"
            )
    assert shown == [f"{name}:9011" for name in NAMES]
    assert found == {"acknowledged": MESSAGES, "consumed": MESSAGES}


@pytest.mark.slow
def test_an_open_instance_is_reached_at_9094_and_9011(plane: Plane, plain: str) -> None:
    """Without SASL_SSL nobody shows a certificate: the right broker is known all the same."""
    eips = lab_eips(plane, 151, 152, 153)
    with endpoint_addresses(plane, plain, (51, 52, 53)) as endpoints:
        try:
            plane.ask("set-public-access", f"instance={plain}", f"eips={','.join(eips)}")
            plane.ask("set-endpoints", f"instance={plain}", f"addresses={','.join(endpoints)}")
            lines = plane.json("access", plain)["lines"]
            ways: tuple[tuple[ClientNetwork, str], ...] = (
                ("outside", at(eips, 9094)),
                ("vpc", at(endpoints, 9011)),
            )
            for network, servers in ways:
                settings = {"bootstrap.servers": servers}
                assert_served(plane.lab.client(network).netns, settings, f"open-{network}")
        finally:
            plane.ask("set-public-access", f"instance={plain}", "eips=none")
            plane.ask("set-endpoints", f"instance={plain}", "addresses=none", "keep_old=0")
    assert [line["answer"] for line in lines if line["listener"] == "PUBLIC"] == [
        "broker 1",
        "broker 2",
        "broker 3",
    ]
