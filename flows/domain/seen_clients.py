"""Who asked an instance for something lately: the brokers' own memory of the last ten minutes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flows.domain.names import PROBE_USER

MINUTES = 10
"""After these Kafka closes a connection that asks for nothing (`connections.max.idle.ms`)."""


@dataclass(frozen=True)
class SeenClient:
    """A user at an address, and how long ago it asked a broker for something."""

    user: str
    address: str
    seconds_ago: int


def users_of(clients: Iterable[SeenClient]) -> tuple[str, ...]:
    """The users, each once, in the order of their names; the product's own probe is nobody."""
    return tuple(sorted({each.user for each in clients} - {PROBE_USER}))


def addresses_of(clients: Iterable[SeenClient], user: str) -> tuple[str, ...]:
    """From where a user asked, each address once."""
    return tuple(sorted({each.address for each in clients if each.user == user}))
