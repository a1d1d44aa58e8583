"""Which of our ports a firewall that is not ours keeps closed, judged from nftables' JSON.

Rules of iptables and of ufw appear there, too. Only what decides about a new connection from
just anybody is looked at; a rule that names one of our ports counts whomever it is about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OUR_TABLES = "kafka_fleet_"
_VERDICTS = ("accept", "drop", "reject", "return")
_FAMILIES = ("ip", "inet")

Chain = tuple[str, str, str]
"""Family, table and name."""


@dataclass(frozen=True)
class _Ruleset:
    bases: Mapping[Chain, str]
    """Base chains of the input hook -> their policy."""
    rules: Mapping[Chain, Sequence[Sequence[Mapping[str, Any]]]]


def dropped_ports(listed: str, ports: Iterable[int]) -> tuple[int, ...]:
    """The ports that a foreign table drops; `listed` is the output of `nft --json list ruleset`."""
    if not listed:
        return ()
    ruleset = _read(json.loads(listed)["nftables"])
    return tuple(port for port in ports if _dropped(ruleset, port))


def _read(entries: Sequence[Mapping[str, Any]]) -> _Ruleset:
    bases: dict[Chain, str] = {}
    rules: dict[Chain, list[Sequence[Mapping[str, Any]]]] = {}
    for entry in entries:
        if (chain := entry.get("chain")) and _is_foreign_input(chain):
            bases[_key(chain, chain["name"])] = chain.get("policy", "accept")
        if rule := entry.get("rule"):
            rules.setdefault(_key(rule, rule["chain"]), []).append(rule["expr"])
    return _Ruleset(bases, rules)


def _is_foreign_input(chain: Mapping[str, Any]) -> bool:
    ours = chain["table"].startswith(OUR_TABLES)
    filters = chain.get("type") == "filter" and chain.get("hook") == "input"
    return filters and not ours and chain["family"] in _FAMILIES


def _key(entry: Mapping[str, Any], name: str) -> Chain:
    return entry["family"], entry["table"], name


def _dropped(ruleset: _Ruleset, port: int) -> bool:
    verdicts = [
        _verdict(ruleset, chain, port, frozenset()) or policy
        for chain, policy in ruleset.bases.items()
    ]
    return any(verdict in ("drop", "reject") for verdict in verdicts)


def _verdict(ruleset: _Ruleset, chain: Chain, port: int, seen: frozenset[Chain]) -> str | None:
    """What becomes of a connection to the port in a chain; None when the chain says nothing."""
    for expressions in ruleset.rules.get(chain, ()):
        named = _names(expressions, port)
        if named is False or (named is None and _is_conditional(expressions)):
            continue
        for kind, target in _decisions(expressions):
            if kind == "return":
                return None
            if kind in _VERDICTS:
                return kind
            called = (chain[0], chain[1], target)
            found = None if called in seen else _verdict(ruleset, called, port, seen | {chain})
            if found or kind == "goto":
                return found
    return None


def _decisions(expressions: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for expression in expressions:
        for kind, value in expression.items():
            if kind in _VERDICTS:
                yield kind, ""
            elif kind in ("jump", "goto"):
                yield kind, value["target"]


def _names(expressions: Sequence[Mapping[str, Any]], port: int) -> bool | None:
    """Whether the rule is about this port (True), about others (False) or about none (None)."""
    found: bool | None = None
    for match in _matches(expressions):
        field = match["left"].get("payload", {}) if isinstance(match["left"], Mapping) else {}
        if field.get("field") == "dport":
            if field.get("protocol") not in ("tcp", "th"):
                return False
            found = _holds(match["right"], port) == (match["op"] != "!=")
    return found


def _holds(right: Any, port: int) -> bool:
    if isinstance(right, Mapping) and "range" in right:
        first, last = right["range"]
        return bool(first <= port <= last)
    if isinstance(right, Mapping) and "set" in right:
        return any(_holds(part, port) for part in right["set"])
    return bool(right == port)


def _is_conditional(expressions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it takes more than being a TCP packet to meet the rule."""
    matches = [match for match in _matches(expressions) if match["right"] != "tcp"]
    return bool(matches) or any("xt" in expression for expression in expressions)


def _matches(expressions: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for expression in expressions:
        if "match" in expression:
            yield expression["match"]
