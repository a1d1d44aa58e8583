"""`fleet size`: which flavor, how many brokers and how much storage a load needs (SPEC 1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from flows.domain.legacy_flavors import LegacyFlavor
from flows.domain.sizing import LIMITS, Advice, Limit, Load, size_for


class LimitLine(TypedDict):
    """One limit: what the load needs of it, and what the whole instance has."""

    limit: str
    unit: str
    need: float
    have: float


class LegacyLine(TypedDict):
    """A legacy flavor that would carry the load, and what it is mapped to; see `fleet size`."""

    flavor: str
    connections: int
    equivalent: str | None


class SizeView(TypedDict):
    """The answer of `fleet size --json`; storage is in GB."""

    flavor: str
    brokers: int
    storage_per_broker: int
    storage: int
    produce_mbps: float
    consume_mbps: float
    decided_by: list[str]
    limits: list[LimitLine]
    legacy: LegacyLine | None


def size(load: Mapping[str, Any]) -> SizeView:
    """The cheapest size for the load; Refused for a load that is none, or that nothing carries."""
    advice = size_for(Load.read(load))
    chosen, wanted = advice.size, advice.load
    traffic = chosen.flavor.megabytes_per_second * chosen.brokers / wanted.replicas / 2
    return SizeView(
        flavor=chosen.flavor.name,
        brokers=chosen.brokers,
        storage_per_broker=chosen.storage_per_broker,
        storage=chosen.storage_per_broker * chosen.brokers,
        produce_mbps=round(traffic, 1),
        consume_mbps=round(traffic, 1),
        decided_by=list(advice.decided_by),
        limits=[_line(advice, limit) for limit in LIMITS],
        legacy=_legacy(advice.legacy),
    )


def _line(advice: Advice, limit: Limit) -> LimitLine:
    return LimitLine(
        limit=limit.name,
        unit=limit.unit,
        need=limit.need(advice.load),
        have=limit.have(advice.size),
    )


def _legacy(row: LegacyFlavor | None) -> LegacyLine | None:
    if row is None:
        return None
    mapped = f"{row.equivalent[0]} x {row.equivalent[1]}" if row.equivalent else None
    return LegacyLine(flavor=row.name, connections=row.connections, equivalent=mapped)
