"""The host firewall: what it opens to whom is the table of SPEC 2.1, and nftables takes it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given

from flows.domain.firewall import (
    client_hold,
    fetch_hold,
    open_to_product,
    openings,
    ruleset,
    table_name,
)
from flows.domain.instance import Instance
from tests.domain.samples import CONTROL, ID, SELDOM, instance, instances, wish

NFT = shutil.which("nft")
STRANGER = "192.0.2.77"
OURS = (9090, 9091, 9011, 2181, 2888, 3888)
NOT_OURS = (22, 80, 8778, 9094, 9095, 9999, 65535)
needs_nft = pytest.mark.skipif(
    NFT is None or os.geteuid() != 0, reason="nft and root are needed to ask nftables itself"
)


@dataclass(frozen=True)
class Packet:
    """A new TCP connection as the host sees it."""

    source: str
    port: int
    interface: str = "eth0"


def verdict(text: str, packet: Packet, held: tuple[int, ...] = ()) -> str:
    """What the text does with the packet: a reading of nftables of its own, rule by rule."""
    for rule in rules_of(text):
        if matches(rule, packet, held):
            return rule.rsplit(" ", 1)[1] if "reject" not in rule else "reject"
    return policy_of(text)


def rules_of(text: str) -> Iterator[str]:
    """The rules of the input chain in their order."""
    body = text.partition("chain input {")[2].partition("\n  }")[0]
    lines = [line.strip() for line in body.strip().splitlines()]
    assert lines[0].startswith("type filter hook input priority filter;")
    yield from lines[1:]


def policy_of(text: str) -> str:
    """What happens to packets that no rule names."""
    policy, _ = re.findall(r"policy (\w+);", text)
    return str(policy)


RULE = re.compile(
    r'(?P<lo>iifname "lo" )?'
    r"(?P<v6>meta nfproto ipv6 )?"
    r"(ip saddr != (?P<sources>\{[^}]*\}|\S+) )?"
    r"(tcp dport (?P<ports>\{[^}]*\}|\S+) )?"
    r"(?P<verdict>accept|drop|reject with tcp reset)"
)


def matches(rule: str, packet: Packet, held: tuple[int, ...]) -> bool:
    """Whether a rule applies; a rule of any other form fails the test."""
    found = RULE.fullmatch(rule)
    assert found, f"a rule that this test cannot read: {rule}"
    address = ip_address(packet.source)
    if found["lo"] and packet.interface != "lo":
        return False
    if found["v6"] and address.version != 6:
        return False
    if found["sources"] and (address.version != 4 or within(address, found["sources"])):
        return False
    return not found["ports"] or packet.port in ports_of(found["ports"], held)


def within(address: object, sources: str) -> bool:
    """Whether `{ network, address }` holds the address."""
    return any(address in ip_network(each) for each in elements(sources))


def ports_of(text: str, held: tuple[int, ...]) -> tuple[int, ...]:
    """The ports of `{ 1, 2 }`, of a single one, or of the set `held`."""
    return held if text == "@held" else tuple(int(each) for each in elements(text))


def elements(text: str) -> list[str]:
    """What stands in `{ a, b }`, or the one thing that stands there bare."""
    return [each.strip() for each in text.strip("{} ").split(",")]


def may_connect(whole: Instance, source: str, port: int) -> bool:
    """SPEC 2.1, written down once more."""
    members = {broker.address for broker in whole.brokers}
    product = source == whole.control_address
    client = IPv4Address(source) in ip_network(whole.client_network)
    clients_port = 9093 if whole.wish.sasl_ssl else 9092
    table = {
        9090: source in members,
        9091: product,
        clients_port: client or product,
        9011: False,
        2181: source in members or product,
        2888: source in members,
        3888: source in members,
    }
    return table.get(port, True)


def sources_of(whole: Instance) -> list[str]:
    """One of each kind that may connect: members, the product, a client, a stranger."""
    network = ip_network(whole.client_network)
    members = [str(broker.address) for broker in whole.brokers]
    taken = {*members, whole.control_address}
    client = next(str(host) for host in network.hosts() if str(host) not in taken)
    return [*members, whole.control_address, client, STRANGER]


PORTS = (*OURS, *NOT_OURS, 9092, 9093)


@SELDOM
@given(instances())
def test_exactly_the_table_of_the_contract_is_open(whole: Instance) -> None:
    text = ruleset(whole)
    for source in sources_of(whole):
        for port in PORTS:
            wanted = "accept" if may_connect(whole, source, port) else "drop"
            assert verdict(text, Packet(source, port)) == wanted, (source, port)


@SELDOM
@given(instances())
def test_nobody_comes_in_over_ipv6_where_addresses_cannot_be_judged(whole: Instance) -> None:
    ours = {opening.port for opening in openings(whole)}
    for port in PORTS:
        found = verdict(ruleset(whole), Packet("2001:db8::1", port))
        assert found == ("drop" if port in ours else "accept"), port


@SELDOM
@given(instances())
def test_a_host_always_reaches_itself(whole: Instance) -> None:
    for port in PORTS:
        packet = Packet("127.0.0.1", port, interface="lo")
        assert verdict(ruleset(whole), packet, held=(port,)) == "accept", port


@SELDOM
@given(instances())
def test_a_held_port_refuses_at_once_everybody_and_the_product_too(whole: Instance) -> None:
    """A probe that came in where clients cannot would not see what they see."""
    hold = client_hold(whole, whole.brokers[0], 60)
    assert hold.table == table_name(whole)
    assert hold.ports == ((9093 if whole.wish.sasl_ssl else 9092), 9011)
    for port in hold.ports:
        for source in sources_of(whole):
            assert verdict(ruleset(whole), Packet(source, port), held=hold.ports) == "reject"
    internal = Packet(str(whole.brokers[1].address), 9090)
    assert verdict(ruleset(whole), internal, held=hold.ports) == "accept"


@SELDOM
@given(instances())
def test_a_muted_broker_is_refused_by_others_and_not_unheard(whole: Instance) -> None:
    """What is dropped is sent again by TCP, and a leader then waits for who has left."""
    hold = fetch_hold(whole, 6)
    assert (hold.table, hold.ports, hold.way) == (table_name(whole), (9090,), "muted")
    outgoing = ruleset(whole).partition("chain output {")[2].partition("}")[0]
    assert [line.strip() for line in outgoing.strip().splitlines()] == [
        "type filter hook output priority filter; policy accept;",
        'oifname "lo" accept',
        "tcp dport @muted reject with tcp reset",
    ]


@SELDOM
@given(instances())
def test_port_22_is_never_named(whole: Instance) -> None:
    assert 22 not in {opening.port for opening in openings(whole)}
    for rule in rules_of(ruleset(whole)):
        assert not re.search(r"\b22\b", rule.partition("tcp dport")[2])


@SELDOM
@given(instances())
def test_only_the_instances_own_table_is_touched(whole: Instance) -> None:
    tables = re.findall(r"^(?:delete )?table (\S+ \S+)", ruleset(whole), re.M)
    assert set(tables) == {f"inet {table_name(whole)}"}
    assert "flush" not in ruleset(whole)


def test_the_table_carries_the_id_of_the_instance() -> None:
    assert table_name(instance()) == f"kafka_fleet_{ID}"


@SELDOM
@given(instances())
def test_the_product_may_knock_exactly_where_it_gets_in(whole: Instance) -> None:
    for broker in whole.brokers:
        asked = {each.port for each in open_to_product(whole, broker)}
        every = {each.port for each in whole.listeners(broker)}
        assert asked == {each for each in every if may_connect(whole, whole.control_address, each)}
        assert 9091 in asked


def test_the_hold_opens_again_by_itself() -> None:
    """Whoever closed the port may die: elements of the set carry a time-out."""
    assert "set held { type inet_service; flags timeout; }" in ruleset(instance())


@needs_nft
@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("control", [CONTROL, "10.0.0.2"])
def test_nftables_accepts_the_text(secured: bool, control: str) -> None:
    asked = wish(sasl_ssl=secured, first_user="alice" if secured else None)
    text = ruleset(instance(asked, control_address=control))
    ran = run([str(NFT), "-c", "-f", "-"], text)
    assert (ran.returncode, ran.stderr) == (0, "")


@needs_nft
def test_nftables_loads_it_over_itself_and_leaves_other_tables_alone() -> None:
    """In a network namespace of its own, which ends with the process."""
    others = "table inet others { chain input { type filter hook input priority 0; }; }"
    script = 'nft "$0" && echo "$1" | nft -f - && echo "$1" | nft -f - && nft list ruleset'
    ran = run(["unshare", "--net", "sh", "-c", script, others, ruleset(instance())])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count(f"table inet {table_name(instance())} {{") == 1
    assert ran.stdout.count("tcp dport 9090 drop") == 1
    assert "table inet others {" in ran.stdout


def run(argv: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    """A process with a text on its standard input."""
    return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=20, check=False)
