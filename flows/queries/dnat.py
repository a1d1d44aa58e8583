"""`fleet dnat`: the rules that lead to an instance, asked of its gateways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from flows.adapters.site import Doors
from flows.domain.dnat import rule_states
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.translating import gateways_of, translation_of
from flows.queries.lookup import placed


class DnatLine(TypedDict):
    """One rule; the counters are None where the gateway gave no answer."""

    gateway: str
    eip: str
    broker: int
    address: str
    state: str
    good: bool
    connections: int | None
    octets: int | None


def dnat(doors: Doors, name: str) -> tuple[DnatLine, ...]:
    """The rules of a living instance on every gateway of which its wish speaks."""
    instance = placed(doors.records, name)
    return tuple(
        line for gateway in gateways_of(instance.wish) for line in _lines(doors, instance, gateway)
    )


def _lines(doors: Doors, instance: Instance, gateway: str) -> Iterator[DnatLine]:
    wished = translation_of(instance, gateway)
    try:
        state = doors.gateways(instance.wish.provider).look(gateway, wished)
    except EffectFailed as silence:
        for rule in wished.rules:
            yield DnatLine(
                gateway=gateway,
                eip=f"{rule.eip}:9011",
                broker=rule.broker,
                address=f"{rule.private}:9011",
                state=f"unknown: {silence}",
                good=False,
                connections=None,
                octets=None,
            )
        return
    for found in rule_states(wished, state):
        yield DnatLine(
            gateway=gateway,
            eip=f"{found.rule.eip}:9011",
            broker=found.rule.broker,
            address=f"{found.rule.private}:9011",
            state=found.words,
            good=found.good,
            connections=found.connections,
            octets=found.octets,
        )
