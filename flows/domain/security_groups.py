"""Security groups: what a provider's network lets through to machines, before any host firewall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses

from flows.domain.opening import Opening


@dataclass(frozen=True)
class GroupRule:
    """Who (an IPv4 network) may open TCP connections to which ports (first to last)."""

    source: str
    ports: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class SeenGroups:
    """The groups of a provider, the one that machines are born in, and broker -> its group."""

    default: str
    rules: Mapping[str, tuple[GroupRule, ...]]
    members: Mapping[int, str]


def own_group(instance_id: str) -> str:
    """The name of the instance's group; the product alone says what it lets through."""
    return f"fleet-{instance_id}"


def group_rules(openings: Iterable[Opening]) -> tuple[GroupRule, ...]:
    """The rules of a group that lets through exactly what host firewalls let in."""
    ports: dict[IPv4Network, set[int]] = {}
    for opening in openings:
        for source in opening.sources:
            ports.setdefault(IPv4Network(source), set()).add(opening.port)
    return tuple(
        GroupRule(str(source), tuple((port, port) for port in sorted(ports[source])))
        for source in sorted(ports)
    )


def lets_through(rules: Iterable[GroupRule], source: str, port: int) -> bool:
    """Whether every address of the source (an address or a network) may reach the port."""
    return any(IPv4Network(source).subnet_of(each) for each in open_at(rules, port))


def keeps_closed(rules: Iterable[GroupRule], sources: Iterable[str], port: int) -> bool:
    """Whether no address of the sources may reach the port."""
    asked = [IPv4Network(each) for each in sources]
    return not any(net.overlaps(each) for net in open_at(rules, port) for each in asked)


def open_at(rules: Iterable[GroupRule], port: int) -> tuple[IPv4Network, ...]:
    """Who may reach the port, as the fewest networks."""
    return tuple(
        collapse_addresses(
            IPv4Network(rule.source, strict=False)
            for rule in rules
            if any(first <= port <= last for first, last in rule.ports)
        )
    )


def open_ports(rules: Sequence[GroupRule]) -> tuple[tuple[int, int], ...]:
    """The ranges of ports at which anybody is let through, sorted."""
    return tuple(sorted({ports for rule in rules for ports in rule.ports}))
