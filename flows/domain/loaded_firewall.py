"""What nftables holds of an instance's table on a host, as values that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, collapse_addresses, summarize_address_range
from types import MappingProxyType
from typing import Any

Networks = tuple[IPv4Network, ...]
_INPUT = "input"
_OURS, _IPV6 = "ours", "ipv6"
_PORT, _SOURCE = "tcp dport ==", "ip saddr !="


@dataclass(frozen=True)
class LoadedFirewall:
    """Port -> who may open connections to it, of all ports that are not open to anyone.

    `over_ipv6` are the ports that nobody reaches over IPv6, `others` counts rules in the table
    that are none of ours.
    """

    allowed: Mapping[int, Networks] = field(default_factory=lambda: MappingProxyType({}))
    over_ipv6: frozenset[int] = frozenset()
    others: int = 0


def networks(sources: Iterable[str]) -> Networks:
    """Addresses and networks as the fewest networks that hold the same addresses, sorted."""
    return tuple(collapse_addresses(IPv4Network(each, strict=False) for each in sources))


def loaded_firewall(listing: Mapping[str, Any]) -> LoadedFirewall | None:
    """The table that `nft --json list table` tells of; None when it filters nothing."""
    entries = listing.get("nftables", ())
    if not any(_filters(each["chain"]) for each in entries if "chain" in each):
        return None
    rules = [each["rule"] for each in entries if "rule" in each]
    found = [_meaning(rule["expr"]) for rule in rules if rule["chain"] == _INPUT]
    allowed: dict[int, Networks] = {}
    closed: set[int] = set()
    others = 0
    for kind, ports, sources in found:
        if kind == _IPV6:
            closed |= set(ports)
        elif kind == "" or allowed.keys() & set(ports):
            others += 1
        elif sources is not None:
            allowed |= dict.fromkeys(ports, sources)
    return LoadedFirewall(allowed, frozenset(closed), others)


def _filters(chain: Mapping[str, Any]) -> bool:
    return (chain["name"], chain.get("type"), chain.get("hook")) == (_INPUT, "filter", _INPUT)


Meaning = tuple[str, tuple[int, ...], Networks | None]
"""Whether it is a rule of ours ("": none), its ports, and who is let in."""
_FOREIGN: Meaning = ("", (), None)


def _meaning(parts: Iterable[Mapping[str, Any]]) -> Meaning:
    *matches, verdict = parts
    tests: dict[str, Any] = {}
    for each in matches:
        if "match" not in each:
            return _FOREIGN
        match = each["match"]
        tests[f"{_subject(match['left'])} {match['op']}"] = match["right"]
    return _rule(tests, next(iter(verdict)))


def _rule(tests: Mapping[str, Any], verdict: str) -> Meaning:
    if (tests, verdict) in (({"iifname ==": "lo"}, "accept"), ({_PORT: "@held"}, "reject")):
        return _OURS, (), None
    if verdict != "drop" or _PORT not in tests:
        return _FOREIGN
    ports, rest = _ports(tests[_PORT]), {key: tests[key] for key in tests if key != _PORT}
    if rest == {"nfproto ==": "ipv6"}:
        return _IPV6, ports, None
    if rest.keys() <= {_SOURCE}:
        return _OURS, ports, _networks(rest[_SOURCE]) if rest else ()
    return _FOREIGN


def _subject(left: Mapping[str, Any]) -> str:
    """`tcp dport`, `ip saddr`, `iifname`."""
    payload = left.get("payload", {})
    return f"{payload.get('protocol', '')} {payload.get('field', '')}".strip() or str(
        left.get("meta", {}).get("key")
    )


def _members(right: Any) -> list[Any]:
    return list(right["set"]) if isinstance(right, dict) and "set" in right else [right]


def _ports(right: Any) -> tuple[int, ...]:
    return tuple(each for each in _members(right) if isinstance(each, int))


def _networks(right: Any) -> Networks:
    return tuple(collapse_addresses(net for each in _members(right) for net in _network(each)))


def _network(member: Any) -> Iterator[IPv4Network]:
    if isinstance(member, str):
        yield IPv4Network(member)
    elif "prefix" in member:
        yield IPv4Network((member["prefix"]["addr"], member["prefix"]["len"]))
    elif "range" in member:
        first, last = map(IPv4Address, member["range"])
        yield from summarize_address_range(first, last)
