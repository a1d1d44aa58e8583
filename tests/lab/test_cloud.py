"""The lab's cloud and links, tried by real connections from each network."""

from __future__ import annotations

import ctypes
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from inventories.lab import CommandFailed, Lab, LabRefused, Machine, MachineSpec, Rule
from inventories.lab.commands import in_netns, run
from inventories.lab.ruleset import ruleset

Ssh = Callable[[Machine, str], str]
Within = Callable[[str, str], str]
Ask = Callable[[str, object, int], str]
pytestmark = pytest.mark.lab

# Tells each caller the address that it sees it by.
WHO = """\
import socket, threading
def serve(port):
    server = socket.create_server(("", port))
    while True:
        connection, (caller, _) = server.accept()
        connection.sendall((socket.gethostname() + " " + caller).encode())
        connection.close()
for port in (9011, 9094, 8080):
    threading.Thread(target=serve, args=(port,)).start()
"""
LISTENS = "timeout 10 sh -c 'until ss -ltn | grep -q :{}; do sleep 0.02; done'"
CLONE_NEWNET = 0x40000000


@pytest.fixture(scope="module", autouse=True)
def _servers(lab: Lab, within: Within) -> None:
    """On both machines something listens on 9011, 9094 and 8080."""
    for name in ("a", "b"):
        lab.start(name)
        within(name, f"cat > /root/who.py <<'END'\n{WHO}\nEND")
        within(name, "systemd-run --unit=who python3 /root/who.py")
        within(name, LISTENS.format(8080))


@pytest.fixture(autouse=True)
def _healed(lab: Lab) -> Iterator[None]:
    yield
    lab.heal()
    for eip in lab.eips():
        lab.release_eip(eip)
    for name in ("a", "b"):
        lab.put_in_group(name, "default")
        lab.unslow(name)


@pytest.fixture
def ask(lab: Lab) -> Ask:
    """What answers at an address and port when called from a place; empty when nothing does."""

    def call(where: str, address: object, port: int) -> str:
        plan = lab.plan
        netns = plan.machine_netns(where) if where in ("a", "b") else plan.client_netns(where)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(_call_from, netns, str(address), port).result()

    return call


def _call_from(netns: str, address: str, port: int) -> str:
    """To be run in a thread of its own, which it moves into the namespace for good."""
    with Path("/run/netns", netns).open() as door:
        if ctypes.CDLL(None, use_errno=True).setns(door.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {netns}")
    try:
        with socket.create_connection((address, port), timeout=0.4) as connection:
            return connection.recv(100).decode()
    except OSError:
        return ""


def test_the_lan_and_its_clients_reach_kafkas_ports_and_no_others(
    lab: Lab, a: Machine, b: Machine, ask: Ask
) -> None:
    for where in ("lan", "outside", "vpc"):
        caller = lab.client(where).address
        assert ask(where, a.address, 9094) == f"a {caller}"
        assert ask(where, a.address, 8080) == ""
        assert ask(where, a.address, 22) == ""
    assert ask("b", a.address, 9011) == f"a {b.address}"
    assert ask("b", a.address, 22) == ""


def test_an_eip_leads_outside_clients_to_its_machine(
    lab: Lab, a: Machine, b: Machine, ask: Ask
) -> None:
    eip, other = lab.plan.eips[20], lab.plan.eips[21]
    outside = lab.client("outside").address
    assert ask("outside", eip, 9094) == ""
    lab.assign_eip(eip, "a")
    lab.assign_eip(eip, "a")
    lab.assign_eip(other, "b")
    assert lab.eips() == {eip: "a", other: "b"}
    assert ask("outside", eip, 9094) == f"a {outside}"
    assert ask("outside", other, 9094) == f"b {outside}"
    assert ask("a", other, 9094) == f"b {lab.plan.gateway}"
    assert ask("a", eip, 9094) == f"a {lab.plan.gateway}", "a machine calls its own EIP"
    with pytest.raises(LabRefused, match=rf"{eip} belongs to machine a: release it first"):
        lab.assign_eip(eip, "b")
    with pytest.raises(LabRefused, match=r"10\.0\.0\.1 must be a free address of the lab's eips"):
        lab.assign_eip(IPv4Network("10.0.0.1/32")[0], "a")
    lab.release_eip(eip)
    lab.release_eip(eip)
    assert ask("outside", eip, 9094) == ""
    assert ask("outside", other, 9094) == f"b {outside}"


STREAM = """\
import socket, time
connection, _ = socket.create_server(("", 9500)).accept()
while True:
    connection.sendall(b".")
    time.sleep(0.01)
"""
LISTEN = """\
import socket, sys
connection = socket.create_connection((sys.argv[1], 9500), timeout=0.5)
print("open", flush=True)
try:
    while connection.recv(100): pass
    print("closed")
except OSError as error:
    print("ended")
"""


@pytest.mark.parametrize("end", ["release", "cut"])
def test_living_connections_end_too(lab: Lab, a: Machine, within: Within, end: str) -> None:
    eip = lab.plan.eips[22]
    lab.assign_eip(eip, "a")
    within("a", f"systemd-run --unit=stream python3 -c '{STREAM}'")
    within("a", LISTENS.format(9500))
    argv = in_netns(lab.client("outside").netns, ("python3", "-c", LISTEN, str(eip)))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        assert client.stdout.readline() == "open\n"
        if end == "release":
            lab.release_eip(eip)
        else:
            lab.cut("a")
        assert client.stdout.readline() == "ended\n"
    within("a", "systemctl stop stream; systemctl reset-failed")


def test_an_endpoint_hides_its_clients_behind_one_address(
    lab: Lab, a: Machine, b: Machine, ask: Ask
) -> None:
    address = lab.plan.endpoints[10]
    lab.assign_endpoint(address, "b")
    assert lab.endpoints() == {address: "b"}
    assert ask("vpc", address, 9011) == f"b {lab.plan.endpoint_source}"
    assert ask("outside", address, 9011) == ""
    lab.release_endpoint(address)
    assert ask("vpc", address, 9011) == ""
    with pytest.raises(LabRefused, match="must be a free address of the lab's endpoints"):
        lab.assign_endpoint(lab.plan.endpoint_source, "b")


def test_a_security_group_allows_exactly_its_rules(lab: Lab, a: Machine, ask: Ask) -> None:
    only = Rule(source=lab.plan.outside, ports=((8080, 8080), (9094, 9095)))
    lab.set_security_group("narrow", [only])
    lab.put_in_group("a", "narrow")
    assert lab.start("a").security_group == "narrow"
    assert ask("outside", a.address, 9094).startswith("a ")
    assert ask("outside", a.address, 8080).startswith("a ")
    assert ask("outside", a.address, 9011) == ""
    assert ask("lan", a.address, 9094) == ""
    assert ask("b", a.address, 9094) == ""
    lab.set_security_group("narrow", [])
    assert ask("outside", a.address, 9094) == ""
    lab.put_in_group("a", "default")
    assert ask("b", a.address, 9094).startswith("a ")
    with pytest.raises(LabRefused, match="security group 'nope' must be one of"):
        lab.put_in_group("a", "nope")


def test_a_cut_machine_reaches_nobody_until_it_is_healed(
    lab: Lab, a: Machine, b: Machine, ask: Ask, within: Within
) -> None:
    lab.cut("b")
    assert ask("a", b.address, 9011) == ""
    assert ask("b", a.address, 9011) == ""
    assert ask("outside", a.address, 9094).startswith("a ")
    with pytest.raises(CommandFailed):
        within("a", f"ping -c1 -W0.3 {b.address}")
    lab.heal("b")
    assert ask("a", b.address, 9011) == f"b {a.address}"


def test_a_partition_parts_two_machines_only(lab: Lab, a: Machine, b: Machine, ask: Ask) -> None:
    lab.partition("a", "b")
    assert ask("a", b.address, 9011) == ""
    assert ask("b", a.address, 9011) == ""
    assert ask("lan", a.address, 9011).startswith("a ")
    assert ask("lan", b.address, 9011).startswith("b ")
    lab.heal("a")
    assert ask("b", a.address, 9011).startswith("a ")


def test_a_slow_link_is_slow_both_ways(lab: Lab, a: Machine, ssh: Ssh) -> None:
    def seconds(command: str) -> float:
        begun = time.monotonic()
        ssh(a, command)
        return time.monotonic() - begun

    quick = seconds("head -c 1000000 /dev/zero")
    lab.slow("a", 8)
    assert seconds("head -c 1000000 /dev/zero") > quick + 0.6, "1 MB takes 1 s at 8 Mbit/s"
    shaped = run(*in_netns(lab.plan.router_netns, ("tc", "qdisc", "show")))
    assert "tbf" in shaped
    lab.unslow("a")
    assert seconds("head -c 1000000 /dev/zero") < quick + 0.6
    lab.unslow("a")


DNAT = """\
table ip product {{
    chain rewrite {{
        type nat hook prerouting priority dstnat
        ip daddr {eip} tcp dport 9011 dnat to {to}:9011
    }}
}}
"""


def test_the_gateway_is_a_machine_whose_rules_die_with_it(
    lab: Lab, a: Machine, ask: Ask, ssh: Ssh, small: Callable[..., MachineSpec]
) -> None:
    """DNAT made on the gateway over SSH leads an EIP of its own to a machine."""
    eip = lab.plan.eips[30]
    gateway = lab.create_machine(small("gateway", place="gateway"))
    try:
        assert gateway.address == lab.plan.gateway
        lab.assign_eip(eip, "gateway")
        ssh(gateway, f"nft -f - <<'END'\n{DNAT.format(eip=eip, to=a.address)}\nEND")
        assert ask("outside", eip, 9011) == f"a {lab.client('outside').address}"
        assert ask("outside", eip, 22) == ""

        lab.crash("gateway")
        assert ask("outside", eip, 9011) == ""
        assert ask("b", a.address, 9011).startswith("a "), "the lab's own network is no machine's"
        assert "lab_cloud" in run(*in_netns(lab.plan.router_netns, ("nft", "list", "tables")))

        lab.start("gateway")
        assert ssh(gateway, "nft list tables").strip() == "table inet lab_cloud"
    finally:
        lab.remove("gateway")
    assert lab.eips() == {}


def test_each_network_has_a_vantage_that_answers_ssh(
    lab: Lab, ssh: Ssh, small: Callable[..., MachineSpec]
) -> None:
    specs = [small(place, place=place) for place in ("outside", "vpc")]
    try:
        for vantage in lab.create_machines(specs):
            client = lab.client(vantage.name)  # type: ignore[arg-type]
            assert vantage.address == client.address
            assert str(client.address) in ssh(vantage, "ip -4 addr show dev eth0")
        with pytest.raises(LabRefused, match="machine vpc stands at vpc, but eips lead to"):
            lab.assign_eip(lab.plan.eips[1], "vpc")
        with pytest.raises(LabRefused, match="stands at vpc and has no link of its own"):
            lab.slow("vpc", 1)
    finally:
        for place in ("outside", "vpc"):
            lab.remove(place)
    assert lab.client("vpc").netns in run("ip", "netns"), "the place outlives who stood there"


def test_the_table_loads_with_everything_in_it(lab: Lab) -> None:
    lab.cut("a")
    lab.partition("a", "b")
    lab.assign_eip(lab.plan.eips[3], "a")
    text = ruleset(lab.plan, lab._files.read_cloud())
    router = lab.plan.router_netns
    run(*in_netns(router, ("nft", "-c", "-f", "-")), stdin=text)
    before = run(*in_netns(router, ("nft", "list", "ruleset")))
    run(*in_netns(router, ("nft", "-f", "-")), stdin=text)
    assert run(*in_netns(router, ("nft", "list", "ruleset"))) == before


def test_only_the_router_forwards(lab: Lab, host_forwarding: str) -> None:
    forwarding = ("sysctl", "-n", "net.ipv4.ip_forward")
    assert run(*in_netns(lab.plan.router_netns, forwarding)).strip() == "1"
    assert run(*forwarding) == host_forwarding
