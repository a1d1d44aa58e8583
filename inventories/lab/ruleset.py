"""The lab's cloud: EIPs, endpoints, security groups and cut links as one nftables table.

The table is a pure function of the state, and every change loads it anew in one
transaction; so nothing depends on which elements were added or deleted before. Its name begins
with `lab_`, which no machine's own table may, and so the gateway machine's tables stay apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from pydantic import BaseModel, ConfigDict, Field

from inventories.lab.addresses import AddressPlan
from inventories.lab.model import DEFAULT_GROUP, Rule

TABLE = "lab_cloud"
OPEN_PORTS = ((2181, 2181), (2888, 2888), (3888, 3888), (9000, 9999))
SSH = 22


class Cloud(BaseModel):
    """What the cloud is told: EIPs and endpoints by the LAN address they lead to, machines by
    their LAN address."""

    model_config = ConfigDict(extra="forbid")

    eips: dict[IPv4Address, IPv4Address] = Field(default_factory=dict)
    endpoints: dict[IPv4Address, IPv4Address] = Field(default_factory=dict)
    groups: dict[str, tuple[Rule, ...]] = Field(default_factory=dict)
    members: dict[IPv4Address, str] = Field(default_factory=dict)
    cut: set[IPv4Address] = Field(default_factory=set)
    pairs: set[tuple[IPv4Address, IPv4Address]] = Field(default_factory=set)

    def owned_by(self, address: IPv4Address) -> list[IPv4Address]:
        """The EIPs and endpoint addresses that lead to the machine."""
        return [
            a for taken in (self.eips, self.endpoints) for a, to in taken.items() if to == address
        ]

    def group_of(self, address: IPv4Address) -> str:
        return self.members.get(address, DEFAULT_GROUP)


def default_rules(plan: AddressPlan) -> tuple[Rule, ...]:
    """Kafka's and ZooKeeper's ports, wide open for all of the lab's networks.

    What a host firewall drops can then be told from what the cloud drops.
    """
    sources = (plan.lan, plan.outside, plan.vpc, plan.endpoints)
    return tuple(Rule(source=source, ports=OPEN_PORTS) for source in sources)


def ruleset(plan: AddressPlan, cloud: Cloud) -> str:
    """The whole table as text for `nft -f`; loading it twice is loading it once."""
    groups = {DEFAULT_GROUP: default_rules(plan), **cloud.groups}
    # The gateway's EIPs lead to the router itself: what becomes of them is the gateway's affair.
    eips = {eip: to for eip, to in cloud.eips.items() if to != plan.gateway}
    body = [
        *_map("eip_in", "ipv4_addr : ipv4_addr", _pairs(eips)),
        *_map("eip_out", "ipv4_addr : ipv4_addr", _first_eips(eips)),
        *_set("eip_owners", "ipv4_addr", map(str, sorted(set(eips.values())))),
        *_map("endpoint", "ipv4_addr : ipv4_addr", _pairs(cloud.endpoints)),
        *_set("cut", "ipv4_addr", map(str, sorted(cloud.cut))),
        *_set("parted", "ipv4_addr . ipv4_addr", (f"{a} . {b}" for a, b in sorted(cloud.pairs))),
        *(line for name in sorted(groups) for line in _group(plan, name, groups[name])),
        *_map("member", "ipv4_addr : verdict", _memberships(cloud, groups)),
        *_nat_chains(plan),
        *_filter_chains(plan),
    ]
    lines = "\n".join(f"    {line}" for line in body)
    return f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{lines}\n}}\n"


def _map(name: str, kind: str, elements: Iterable[str]) -> list[str]:
    return _collection("map", name, kind, elements)


def _set(name: str, kind: str, elements: Iterable[str]) -> list[str]:
    return _collection("set", name, kind, elements)


def _collection(what: str, name: str, kind: str, elements: Iterable[str]) -> list[str]:
    listed = ", ".join(elements)
    content = f" elements = {{ {listed} }};" if listed else ""
    return [f"{what} {name} {{ type {kind};{content} }}"]


def _pairs(mapping: Mapping[IPv4Address, IPv4Address]) -> list[str]:
    return [f"{key} : {mapping[key]}" for key in sorted(mapping)]


def _first_eips(eips: Mapping[IPv4Address, IPv4Address]) -> list[str]:
    """What a machine's own connections leave as: the lowest of its EIPs."""
    first: dict[IPv4Address, IPv4Address] = {}
    for eip in sorted(eips):
        first.setdefault(eips[eip], eip)
    return _pairs(first)


def _memberships(cloud: Cloud, groups: Mapping[str, object]) -> list[str]:
    return [
        f"{address} : goto {_chain(group)}"
        for address, group in sorted(cloud.members.items())
        if group in groups
    ]


def _chain(group: str) -> str:
    return f"group_{group.replace('-', '_')}"


def _group(plan: AddressPlan, name: str, rules: Iterable[Rule]) -> list[str]:
    accepts = [
        f"    {source} tcp dport {{ {_ports(rule)} }} accept"
        for rule in rules
        if rule.ports
        for source in _sources(plan, rule)
    ]
    return [f"chain {_chain(name)} {{", *accepts, "}"]


def _sources(plan: AddressPlan, rule: Rule) -> Iterable[str]:
    """Who is meant. A group sees clients of an endpoint as the machine does, by its address.

    Theirs is put in its place behind these chains, so it is told by where they asked.
    """
    yield f"ip saddr {rule.source}"
    if plan.endpoint_source in rule.source:
        yield f'iifname "vpc0" ct original ip daddr {plan.endpoints}'


def _ports(rule: Rule) -> str:
    return ", ".join(f"{a}-{b}" if a != b else str(a) for a, b in sorted(rule.ports))


def _nat_chains(plan: AddressPlan) -> list[str]:
    return [
        "chain prerouting {",
        "    type nat hook prerouting priority dstnat;",
        '    iifname "vpc0" dnat ip to ip daddr map @endpoint',
        "    dnat ip to ip daddr map @eip_in",
        "}",
        "chain postrouting {",
        "    type nat hook postrouting priority srcnat;",
        # A machine that calls an EIP, a peer's or its own, must be answered by way of the router.
        f'    iifname "m*" oifname "m*" ct original ip daddr {plan.eips} ct status dnat masquerade',
        f'    iifname "vpc0" ct original ip daddr {plan.endpoints} snat ip to '
        f"{plan.endpoint_source}",
        '    oifname "outside0" snat ip to ip saddr map @eip_out',
        "}",
    ]


def _filter_chains(plan: AddressPlan) -> list[str]:
    """Cut links come before established connections, so that these are cut as well."""
    faults = [
        "    ip saddr @cut drop",
        "    ip daddr @cut drop",
        "    ip saddr . ip daddr @parted drop",
    ]
    return [
        "chain forward {",
        "    type filter hook forward priority filter; policy drop;",
        *faults,
        "    ct state established,related accept",
        '    iifname "host0" accept',
        "    icmp type echo-request accept",
        "    ip daddr vmap @member",
        f"    ip daddr {plan.lan} jump {_chain(DEFAULT_GROUP)}",
        '    iifname "m*" ip saddr @eip_owners oifname "outside0" accept',
        "}",
        "chain input {",
        "    type filter hook input priority filter; policy accept;",
        *faults,
        f'    iifname != {{ "lo", "host0" }} tcp dport {SSH} drop',
        "}",
    ]
