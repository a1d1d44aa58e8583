"""Listeners of fake brokers: what the file said at the start, unless they were told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from flows.domain.errors import EffectFailed
from tests.world.machines import FakeHost

MAP = "listener.security.protocol.map"


def setting(host: FakeHost, told: Mapping[str, str], key: str) -> str | None:
    """What a running broker goes by."""
    return told.get(key) or properties_of(host.started_with).get(key)


def protocols(host: FakeHost, told: Mapping[str, str]) -> dict[str, str]:
    """The listeners that a running broker has -> their protocols."""
    places = (setting(host, told, "listeners") or "").split(",")
    known = dict(each.split(":") for each in (setting(host, told, MAP) or "").split(","))
    names = [each.partition("://")[0] for each in places]
    return {name: known[name] for name in names}


def ports(host: FakeHost, told: Mapping[str, str]) -> dict[int, str]:
    """Port -> the listener that a running broker has there."""
    places = (setting(host, told, "listeners") or "").split(",")
    return {int(each.rpartition(":")[2]): each.partition("://")[0] for each in places}


def told(host: FakeHost, altered: Mapping[str, str]) -> dict[str, str]:
    """Listener -> `host:port` that a running broker tells clients."""
    found = (setting(host, altered, "advertised.listeners") or "").split(",")
    return dict(each.split("://", 1) for each in found)


def check_change(host: FakeHost, told: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Kafka refuses another protocol of a listener that stays (kafka-facts 3.1)."""
    before, after = protocols(host, told), protocols(host, {**told, **values})
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            raise EffectFailed(
                f"{host.machine.name}: Security protocol cannot be updated for existing listener "
                f"{name}"
            )


def properties_of(text: str) -> dict[str, str]:
    """The keys and values of `server.properties`."""
    return _properties(text)


@cache
def _properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
