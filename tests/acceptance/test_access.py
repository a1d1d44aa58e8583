"""Other addresses for clients, while a client that was not written here goes on writing."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flows.access.overdue import drop_overdue
from flows.adapters.stage import PlainStage
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.operations import Caller, Door
from inventories.lab import Rule
from inventories.lab.model import DEFAULT_GROUP, ClientNetwork
from tests.acceptance.parts import (
    CLIENT,
    Demo,
    Far,
    at,
    client,
    endpoint_addresses,
    in_namespace,
    logins,
)
from tests.acceptance.plane import Plane, wait_until
from tests.acceptance.registrations import told_at_9011
from tests.acceptance.test_firewall import LISTENING_EVERYWHERE, open_ports, without_table
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    engine,
    load,
    spread_topic,
    started,
)

MESSAGES = 30
PORTS = (9011, 9090, 9091, 9092, 9093, 9094, 9095, 9999, 2181, 2888, 3888)
NAMES = ("b1.example", "b2.example", "b3.example")
WITHOUT_9095 = ((2181, 2181), (2888, 2888), (3888, 3888), (9000, 9094))
Addresses = tuple[str, ...]


@pytest.fixture(scope="module")
def eips(plane: Plane) -> Addresses:
    """One for each broker."""
    return lab_eips(plane, 111, 112, 113)


@pytest.fixture(scope="module")
def others(plane: Plane) -> Addresses:
    """Others, one for each broker."""
    return lab_eips(plane, 114, 115, 116)


@pytest.fixture(scope="module")
def endpoints(plane: Plane, demo: Demo) -> Iterator[Addresses]:
    """Endpoint addresses that lead to the brokers, in their order."""
    with endpoint_addresses(plane, "demo", (11, 12, 13)) as addresses:
        yield addresses


@pytest.fixture(scope="module")
def by_9011(plane: Plane, demo: Demo, endpoints: Addresses) -> Iterator[None]:
    """Clients come by endpoints, told under load; afterwards nobody does, without a restart."""
    before = started(plane, demo)
    try:
        with load(plane, demo, spread_topic(plane, demo, "while-opened")) as told:
            run(plane, "set-endpoints", f"addresses={','.join(endpoints)}")
        assert_nothing_lost(told.answer)
        yield
    finally:
        with load(plane, demo, spread_topic(plane, demo, "while-closed")) as told:
            run(plane, "set-endpoints", "addresses=none", "keep_old=0")
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))


@pytest.fixture(scope="module")
def open_ways(plane: Plane, by_9011: None, eips: Addresses) -> Iterator[None]:
    """Clients come by EIPs as well; afterwards they do not."""
    try:
        run(plane, "set-public-access", f"eips={','.join(eips)}")
        yield
    finally:
        run(plane, "set-public-access", "eips=none")


@pytest.fixture(scope="module")
def by_endpoints(demo: Demo, endpoints: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Far:
    """A client that comes by 9011."""
    return Far(demo.plane, tmp_path_factory.mktemp("far"), demo.name, at(endpoints, 9011))


@pytest.fixture
def ways_of_public(
    plane: Plane, by_9011: None, eips: Addresses, others: Addresses
) -> Iterator[tuple[Addresses, Addresses]]:
    """EIPs and others; afterwards, whatever happened, there is no public access."""
    try:
        yield eips, others
    finally:
        run(plane, "set-public-access", "eips=none")


@pytest.fixture
def wrong_ways(
    open_ways: None, endpoints: Addresses, others: Addresses
) -> tuple[Addresses, Addresses]:
    """Endpoints that are told, and EIPs that are not."""
    return endpoints, others


@pytest.fixture
def narrow_group(plane: Plane, open_ways: None) -> Iterator[None]:
    """One client in the network and those outside may come in, and nobody else."""
    lan, outside = plane.lab.client("lan").address, plane.lab.status().outside
    try:
        run(plane, "set-security-group", f"private={lan}", f"public={outside}")
        yield
    finally:
        run(plane, "set-security-group", "private=default", "public=default")


def lab_eips(plane: Plane, *numbers: int) -> Addresses:
    """EIPs of the lab by their place in its network."""
    return tuple(str(plane.lab.plan.eips[number]) for number in numbers)


def shown_at_9011(plane: Plane) -> list[str]:
    """What `fleet access` shows that clients of 9011 are told, broker by broker."""
    lines = plane.json("access", "demo")["lines"]
    return [str(line["told"]) for line in lines if line["listener"] == "CROSS"]


def run(plane: Plane, operation: str, *wish: str) -> str:
    """What the operation on the shared instance said."""
    return plane.ask(operation, "instance=demo", *wish)


def by_schedule(plane: Plane) -> list[str]:
    """What the schedule drops when it comes now."""
    here = plane.doors.processes.here(str(uuid4()), "none")
    return drop_overdue(plane.doors, Caller("a test", Door.SCHEDULE, here), PlainStage())


def fails(plane: Plane, operation: str, *wish: str) -> str:
    """What is said of a mapping that is put back."""
    with pytest.raises((EffectFailed, GateTimeout)) as failed:
        run(plane, operation, *wish)
    return str(failed.value)


def refused(plane: Plane, operation: str, *wish: str) -> str:
    """The sentence with which a mapping is refused."""
    return plane.refused(operation, "instance=demo", *wish)


def round_trip(
    plane: Plane, settings: Mapping[str, str], network: ClientNetwork, topic: str
) -> object:
    """Messages to every broker and back, by a client that knows these settings alone."""
    namespace = plane.lab.client(network).netns
    assert client(namespace, verb="create_topic", settings=settings, topic=topic) == "ok"
    verb = "produce_and_consume"
    return client(namespace, verb=verb, settings=settings, topic=topic, messages=MESSAGES)


def settings_at(demo: Demo, addresses: Addresses, port: int) -> dict[str, str]:
    """A client of the secured instance that knows these addresses alone."""
    return demo.settings() | {"bootstrap.servers": at(addresses, port)}


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
            wait_until(lambda: told(1) == f"{eips[0]}:9011", "broker 1 tells its EIP", 300)
            os.kill(engine(plane, "demo"), signal.SIGKILL)
        finally:
            process.communicate(timeout=300)
        assert process.returncode == 1
        return [told(broker) for broker in (1, 2, 3)]


@contextmanager
def resolving(plane: Plane, names: Mapping[str, str]) -> Iterator[None]:
    """The vantage in the endpoints' network takes these names for these addresses meanwhile."""
    machines = plane.settings.lab_root / plane.settings.lab / "machines"
    hosts = machines / "vantage-endpoint" / "root" / "etc" / "hosts"
    before = hosts.read_text()
    hosts.write_text(before + hosts_lines(names))
    try:
        yield
    finally:
        hosts.write_text(before)


def hosts_lines(names: Mapping[str, str]) -> str:
    """Lines of /etc/hosts."""
    return "".join(f"{address} {name}\n" for name, address in names.items())


def client_with(hosts: Path, namespace: str, **wish: Any) -> Any:
    """What the client program answers where this is /etc/hosts, for it alone."""
    done = in_namespace(
        namespace, "unshare", "--mount", "sh", "-c",
        'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), sys.executable, str(CLIENT),
        input=json.dumps(wish),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def kept_away(plane: Plane, machine: str) -> Iterator[None]:
    """Somebody's own table on the machine drops 9095 meanwhile."""
    own, table = plane.machine_namespace(machine), "table inet in_the_way"
    hook = "chain in { type filter hook input priority 10; tcp dport 9095 drop; }"
    in_namespace(own, "nft", "-f", "-", input=f"{table} {{ {hook}\n}}\n")
    try:
        yield
    finally:
        in_namespace(own, "nft", "delete", *table.split())


@contextmanager
def in_a_group_without_9095(plane: Plane, machine: str) -> Iterator[None]:
    """An administrator has put the machine into a group of his own, which keeps 9095 closed."""
    default, own = plane.lab.security_groups()[DEFAULT_GROUP], plane.doors.provider("lab")
    group = own.group_of(machine)
    rules = [Rule(source=each.source, ports=WITHOUT_9095) for each in default]
    plane.lab.set_security_group("without-9095", rules)
    plane.lab.put_in_group(machine, "without-9095")
    try:
        yield
    finally:
        plane.lab.put_in_group(machine, group)
        plane.lab.remove_security_group("without-9095")


def test_public_access_comes_changes_and_goes_while_clients_of_other_listeners_go_on(
    plane: Plane, demo: Demo, by_endpoints: Far, ways_of_public: tuple[Addresses, Addresses]
) -> None:
    (eips, others), before = ways_of_public, started(plane, demo)
    lan, far = (spread_topic(plane, demo, f"public-{name}") for name in ("lan", "far"))
    with load(plane, demo, lan) as private, load(plane, by_endpoints, far, "vpc") as at_9011:
        run(plane, "set-public-access", f"eips={','.join(eips)}")
        run(plane, "set-public-access", f"eips={','.join(others)}")
        # Who was told the old ones goes on for a while.
        told = logins(demo, plane.lab.client("outside").netns, at((*others, *eips), 9095))
        run(plane, "set-public-access", "eips=none")
    assert told == {"ok"}
    assert_nothing_lost(private.answer)
    assert_nothing_lost(at_9011.answer)
    assert not changed(before, started(plane, demo))
    assert not {*eips, *others} & set(map(str, plane.lab.eips()))


def test_a_client_outside_comes_by_eips(
    plane: Plane, demo: Demo, open_ways: None, eips: Addresses
) -> None:
    told = round_trip(plane, settings_at(demo, eips, 9095), "outside", "by-outside")
    assert told == {"acknowledged": MESSAGES, "consumed": MESSAGES}


def test_a_client_of_another_network_comes_by_endpoints(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses
) -> None:
    told = round_trip(plane, settings_at(demo, endpoints, 9011), "vpc", "by-vpc")
    assert told == {"acknowledged": MESSAGES, "consumed": MESSAGES}


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
    again = run(plane, "set-endpoints", f"addresses={','.join(endpoints)}")
    assert "nothing to do" in again


def test_9011_leads_through_a_gateway_and_back_while_clients_of_it_go_on(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses, by_endpoints: Far
) -> None:
    before, shown = started(plane, demo), shown_at_9011(plane)
    gateway = lab_eips(plane, 121, 122, 123)
    with load(plane, by_endpoints, spread_topic(plane, demo, "rewired"), "vpc") as told:
        run(plane, "set-dnat", f"eips={','.join(gateway)}")
        shown_there = shown_at_9011(plane)
        run(plane, "set-endpoints", f"addresses={','.join(endpoints)}", "keep_old=1")
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
            run(plane, "set-dnat", f"eips={','.join(gateway)}")
            view, rules = plane.json("access", "demo")["lines"], plane.json("dnat", "demo")
    finally:
        run(plane, "set-endpoints", f"addresses={','.join(endpoints)}", "keep_old=0")
    assert at_the_kill[0] == f"{gateway[0]}:9011"
    assert at_the_kill[2] == f"{endpoints[2]}:9011", "it was killed too late"
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))
    assert all(line["good"] for line in [*view, *rules])
    _, finished, cut_off = plane.json("history", "demo")[:3]
    assert (finished["operation"], finished["status"]) == ("set-dnat", "successful")
    assert (cut_off["operation"], cut_off["status"]) == ("set-dnat", "interrupted")


def test_certificates_are_replaced_for_clients_of_other_networks(
    plane: Plane, demo: Demo, open_ways: None, eips: Addresses, by_endpoints: Far
) -> None:
    with load(plane, by_endpoints, spread_topic(plane, demo, "far-replaced"), "vpc") as told:
        run(plane, "replace-certificates")
    assert_nothing_lost(told.answer)
    outside = settings_at(demo, eips, 9095)
    assert client(plane.lab.client("outside").netns, verb="log_in", settings=outside) == "ok"


def test_names_are_told_to_clients_who_know_what_they_mean(
    plane: Plane, demo: Demo, open_ways: None, endpoints: Addresses, scratch: Path
) -> None:
    meaning, hosts = dict(zip(NAMES, endpoints, strict=True)), scratch / "hosts"
    hosts.write_text(hosts_lines(meaning))
    with resolving(plane, meaning):
        try:
            run(plane, "set-endpoints", f"addresses={','.join(NAMES)}")
            shown = shown_at_9011(plane)
            found = client_with(
                hosts,
                plane.lab.client("vpc").netns,
                verb="produce_and_consume",
                settings=settings_at(demo, NAMES, 9011),
                topic=spread_topic(plane, demo, "by-names"),
                messages=MESSAGES,
            )
        finally:
            run(plane, "set-endpoints", f"addresses={','.join(endpoints)}", "keep_old=0")
    assert shown == [f"{name}:9011" for name in NAMES]
    assert found == {"acknowledged": MESSAGES, "consumed": MESSAGES}


def test_wrong_mappings_are_named_and_put_back_while_clients_go_on(
    plane: Plane, demo: Demo, by_endpoints: Far, wrong_ways: tuple[Addresses, Addresses]
) -> None:
    (one, two, three), others = wrong_ways
    nowhere, before = str(plane.lab.plan.endpoints[19]), started(plane, demo)
    with load(plane, by_endpoints, spread_topic(plane, demo, "misled"), "vpc") as told:
        swapped = fails(plane, "set-endpoints", f"addresses={two},{one},{three}")
        with resolving(plane, {"wrong.example": one}):
            lost = fails(plane, "set-endpoints", f"addresses={one},{nowhere},wrong.example")
        with kept_away(plane, plane.instance_machines("demo")[1].name):
            closed = fails(plane, "set-public-access", f"eips={','.join(others)}")
    assert f"broker 1 at {two}:9011: broker 2 answers there" in swapped
    assert f"broker 2 at {one}:9011: broker 1 answers there" in swapped
    assert f"broker 2 at {nowhere}:9011: " in lost
    assert "broker 3 at wrong.example:9011: the certificate that is served there is not" in lost
    assert f"broker 1 at {one}" not in lost
    assert f"broker 2 at {others[1]}:9095: nobody answers at" in closed
    assert f"at {others[0]}" not in closed
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))
    assert all(line["good"] for line in plane.json("access", "demo")["lines"])
    assert not set(others) & set(map(str, plane.lab.eips()))


def test_an_administrators_group_that_keeps_9095_closed_is_named(
    plane: Plane, demo: Demo, wrong_ways: tuple[Addresses, Addresses]
) -> None:
    _, others = wrong_ways
    with in_a_group_without_9095(plane, plane.instance_machines("demo")[1].name):
        said = refused(plane, "set-public-access", f"eips={','.join(others)}")
    assert said == (
        f'eips "{",".join(others)}": the security group without-9095, in which somebody put the '
        "machine of broker 2, lets none of 0.0.0.0/0 through to 9095; open it there first, or put "
        f"the machine into fleet-{demo.instance.id}"
    )


def test_mappings_that_are_wrong_in_themselves_are_refused(
    plane: Plane, plain: str, open_ways: None, eips: Addresses, endpoints: Addresses
) -> None:
    one, two, three = endpoints
    neighbour = plane.instance_machines(plain)[0].address
    assert refused(plane, "set-endpoints", f"addresses={one},{one},{three}") == (
        f'addresses "{one}": brokers 1 and 2 cannot have the same address'
    )
    assert refused(plane, "set-endpoints", f"addresses={neighbour},{two},{three}") == (
        f'addresses "{neighbour}": it belongs to the instance {plain}'
    )
    assert refused(plane, "set-public-access", f"eips={eips[1]},{eips[0]},{eips[2]}") == (
        f'eips "{eips[1]}": clients are told that it is broker 2, so it cannot become broker 1 '
        "while they work; bind other EIPs first"
    )
    assert refused(plane, "set-dnat", f"eips={','.join(eips)}") == (
        f'eips "{eips[0]}": it is broker 1\'s own for public access; an EIP of DNAT belongs to the '
        "gateway and to no broker"
    )


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
            found = [
                round_trip(plane, {"bootstrap.servers": servers}, network, f"open-{network}")
                for network, servers in ways
            ]
        finally:
            plane.ask("set-public-access", f"instance={plain}", "eips=none")
            plane.ask("set-endpoints", f"instance={plain}", "addresses=none", "keep_old=0")
    assert found == [{"acknowledged": MESSAGES, "consumed": MESSAGES}] * 2
    assert [line["answer"] for line in lines if line["listener"] == "PUBLIC"] == [
        "broker 1",
        "broker 2",
        "broker 3",
    ]
