"""Security groups: what a provider's network lets through to machines, before any host firewall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses


@dataclass(frozen=True)
class GroupRule:
    """Who (an IPv4 network) may open TCP connections to which ports (first to last)."""

    source: str
    ports: tuple[tuple[int, int], ...]


def lets_through(rules: Iterable[GroupRule], source: str, port: int) -> bool:
    """Whether every address of the source (an address or a network) may reach the port."""
    allowed = collapse_addresses(
        IPv4Network(rule.source, strict=False)
        for rule in rules
        if any(first <= port <= last for first, last in rule.ports)
    )
    return any(IPv4Network(source).subnet_of(each) for each in allowed)
