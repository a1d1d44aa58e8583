"""Rules of DNAT on a Linux gateway: EIP:9011 leads to a broker's private address, port 9011.

A table of our own for each instance, loaded by a unit of our own; a counter on each rule counts
the connections that came through it. Rules of others are neither read nor touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from flows.domain.listeners import CROSS_PORT
from flows.domain.nft_unit import nft_unit

_RULE = re.compile(
    rf"ip daddr (?P<eip>\S+) tcp dport {CROSS_PORT} counter "
    rf'dnat to (?P<private>\S+):{CROSS_PORT} comment "broker (?P<broker>\d+)"'
)
IN_FORCE = "in force"


@dataclass(frozen=True, order=True)
class Rule:
    """What clients reach at an EIP: one broker, by its private address."""

    broker: int
    eip: str
    private: str


@dataclass(frozen=True)
class LiveRule:
    """A rule that the gateway's kernel has, and what it counted since the rules were loaded."""

    rule: Rule
    connections: int
    octets: int


@dataclass(frozen=True)
class Translation:
    """What one gateway shall translate for an instance; with no rule, nothing of ours is there."""

    instance_id: str
    rules: tuple[Rule, ...]
    masquerade: bool = False

    def __post_init__(self) -> None:
        """No EIP leads to two brokers, and no broker's rule stands for another's."""
        for what in ("eip", "private"):
            values = [(getattr(rule, what), rule.broker) for rule in self.rules]
            _check_one_broker(what, values)

    def beside(self, present: Iterable[Rule]) -> Translation:
        """These rules and those that are there and do not contradict them."""
        eips = {rule.eip for rule in self.rules}
        brokers = {rule.private: rule.broker for rule in self.rules}
        others = tuple(
            rule
            for rule in present
            if rule.eip not in eips and brokers.get(rule.private, rule.broker) == rule.broker
        )
        return replace(self, rules=(*self.rules, *others))


@dataclass(frozen=True)
class GatewayState:
    """A gateway as it was seen: what it is, and what it translates for one instance.

    `sources` is private address -> the address that a broker sees of what the gateway
    masquerades. `filed` are the rules that it loads when it boots, `live` those of its kernel.
    """

    name: str
    forwards: bool = True
    addresses: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    filed: tuple[Rule, ...] = ()
    live: tuple[LiveRule, ...] = ()
    masquerades: bool = False
    loads_at_boot: bool = False
    foreign: tuple[str, ...] = ()
    """Rules of others that already translate or drop one of our EIPs' port 9011, in words."""

    def holds(self, wished: Translation) -> bool:
        """Whether kernel and file have exactly these rules, and a boot loads them."""
        same = self.translates(wished) and sorted(self.filed) == sorted(wished.rules)
        return same and self.loads_at_boot == bool(wished.rules)

    def translates(self, wished: Translation) -> bool:
        """Whether the kernel has exactly these rules now."""
        live = sorted(each.rule for each in self.live)
        same = live == sorted(wished.rules)
        return same and (not live or self.masquerades == wished.masquerade)


@dataclass(frozen=True)
class RuleState:
    """A rule that is wished or there: `words` say which, the counters since it was loaded."""

    rule: Rule
    words: str
    connections: int = 0
    octets: int = 0

    @property
    def good(self) -> bool:
        """Whether it is as it is to be."""
        return self.words == IN_FORCE


def rule_states(wished: Translation, state: GatewayState) -> tuple[RuleState, ...]:
    """Every rule that is wished, in force or on file, by broker."""
    live = {each.rule: each for each in state.live}
    every = sorted({*wished.rules, *live, *state.filed})
    return tuple(
        RuleState(rule, _state_words(rule, wished, state), found.connections, found.octets)
        for rule in every
        for found in (live.get(rule, LiveRule(rule, 0, 0)),)
    )


def _state_words(rule: Rule, wished: Translation, state: GatewayState) -> str:
    now = any(each.rule == rule for each in state.live)
    later = rule in state.filed and state.loads_at_boot
    if rule not in wished.rules:
        return "there, but not wished"
    if state.masquerades != wished.masquerade and now:
        return "in force, but masquerading is not as wished"
    return {
        (True, True): IN_FORCE,
        (True, False): "in force until the gateway boots",
        (False, True): "missing until the gateway boots",
        (False, False): "missing",
    }[now, later]


@dataclass(frozen=True)
class Edge:
    """What lies before an instance: its gateways (why not, where one gives no answer) and EIPs.

    `eips` is EIP -> the machine or gateway that has it, `objections` EIP -> why it is none.
    """

    gateways: Mapping[str, GatewayState | str] = field(default_factory=lambda: MappingProxyType({}))
    eips: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    objections: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def table_name(instance_id: str) -> str:
    """The name of the instance's table on a gateway."""
    return f"kafka_fleet_dnat_{instance_id}"


def state_directory(instance_id: str) -> str:
    """Where a gateway keeps the marker of an instance, the newest operation, and the rules."""
    return f"/etc/kafka-fleet-dnat-{instance_id}"


def rules_path(instance_id: str) -> str:
    """The file that the unit loads."""
    return f"{state_directory(instance_id)}/rules.nft"


def unit_name(instance_id: str) -> str:
    """The unit that loads the rules, before the gateway's network is up."""
    return f"kafka-fleet-dnat-{instance_id}.service"


def unit_text(instance_id: str) -> str:
    """The unit's file."""
    description = f"DNAT rules of Kafka instance {instance_id}"
    return nft_unit(description, rules_path(instance_id), f"ip {table_name(instance_id)}")


def ruleset(wished: Translation) -> str:
    """The table as a file that `nft -f` loads in one transaction, whether it exists or not."""
    table = table_name(wished.instance_id)
    rules = sorted(wished.rules)
    chains = [
        "  chain prerouting {",
        "    type nat hook prerouting priority dstnat; policy accept;",
        *(f"    {_rule_text(rule)}" for rule in rules),
        "  }",
    ]
    if wished.masquerade:
        chains += ["  chain postrouting {", *_masquerading(rules), "  }"]
    lines = [f"table ip {table} {{}}", f"delete table ip {table}", f"table ip {table} {{"]
    return "\n".join([*lines, *chains, "}", ""])


def read_ruleset(text: str) -> tuple[tuple[Rule, ...], bool]:
    """The rules in such a file, and whether it masquerades; what is not ours is not in it."""
    rules = tuple(
        Rule(int(found["broker"]), found["eip"], found["private"]) for found in _RULE.finditer(text)
    )
    return rules, " masquerade" in text


def live_rules(listing: Mapping[str, Any]) -> tuple[LiveRule, ...]:
    """The rules in what `nft -j list table` says, with their counters."""
    found = [each["rule"] for each in listing.get("nftables", ()) if "rule" in each]
    return tuple(sorted(_live(found), key=lambda each: each.rule))


def masquerades(listing: Mapping[str, Any]) -> bool:
    """Whether what `nft -j list table` says hides the clients' addresses."""
    rules = [each["rule"] for each in listing.get("nftables", ()) if "rule" in each]
    return any("masquerade" in part for rule in rules for part in rule["expr"])


def _rule_text(rule: Rule) -> str:
    return (
        f"ip daddr {rule.eip} tcp dport {CROSS_PORT} counter "
        f'dnat to {rule.private}:{CROSS_PORT} comment "broker {rule.broker}"'
    )


def _masquerading(rules: Iterable[Rule]) -> list[str]:
    """Only what came in by our EIPs: a gateway's other traffic keeps its addresses."""
    return [
        "    type nat hook postrouting priority srcnat; policy accept;",
        *(
            f"    ct original ip daddr {rule.eip} ip daddr {rule.private} "
            f"tcp dport {CROSS_PORT} masquerade"
            for rule in rules
        ),
    ]


def _live(rules: Sequence[Mapping[str, Any]]) -> Iterator[LiveRule]:
    for rule in rules:
        parts = rule["expr"]
        target = next((part["dnat"] for part in parts if "dnat" in part), None)
        if target is None:
            continue
        counter: Mapping[str, Any] = next(
            (part["counter"] for part in parts if "counter" in part), {}
        )
        broker = int(str(rule.get("comment", "broker 0")).rpartition(" ")[2])
        yield LiveRule(
            Rule(broker, _daddr(parts), str(target["addr"])),
            int(counter.get("packets", 0)),
            int(counter.get("bytes", 0)),
        )


def _daddr(parts: Sequence[Mapping[str, Any]]) -> str:
    for part in parts:
        field_ = part.get("match", {}).get("left", {}).get("payload", {}).get("field")
        if field_ == "daddr":
            return str(part["match"]["right"])
    return ""


def _check_one_broker(what: str, values: Iterable[tuple[str, int]]) -> None:
    seen: dict[str, int] = {}
    for value, broker in values:
        other = seen.setdefault(value, broker)
        if other != broker:
            raise ValueError(f"{what} {value} of brokers {other} and {broker}: one each, please")
