"""The listeners of a broker (SPEC 2.1): fixed names, fixed ports, who may come in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ListenerName(StrEnum):
    """Kafka's listener names; stable for the life of every instance."""

    INTERNAL = "INTERNAL"
    CONTROL = "CONTROL"
    PRIVATE = "PRIVATE"
    PUBLIC = "PUBLIC"
    CROSS = "CROSS"


class Protocol(StrEnum):
    """Kafka's security protocols that the product uses."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_SSL = "SASL_SSL"


ZOOKEEPER_CLIENT_PORT = 2181
ZOOKEEPER_PEER_PORT = 2888
ZOOKEEPER_ELECTION_PORT = 3888
CONSOLE_PORT = 9999

CLIENT_LISTENERS = (ListenerName.PRIVATE, ListenerName.PUBLIC, ListenerName.CROSS)


@dataclass(frozen=True)
class Listener:
    """One listener of one broker: where it binds and what it tells clients."""

    name: ListenerName
    port: int
    protocol: Protocol
    advertised_host: str

    @property
    def for_clients(self) -> bool:
        """Whether users' clients come through it."""
        return self.name in CLIENT_LISTENERS

    @property
    def secured(self) -> bool:
        """Whether it serves a certificate."""
        return self.protocol is not Protocol.PLAINTEXT

    @property
    def advertised(self) -> str:
        """`host:port` as clients are told."""
        return f"{self.advertised_host}:{self.port}"


def creation_listeners(address: str, *, sasl_ssl: bool) -> tuple[Listener, ...]:
    """The listeners a broker is born with; CROSS advertises the private address until it is set."""
    clients = Protocol.SASL_SSL if sasl_ssl else Protocol.PLAINTEXT
    return (
        Listener(ListenerName.INTERNAL, 9090, Protocol.SSL, address),
        Listener(ListenerName.CONTROL, 9091, Protocol.SSL, address),
        Listener(ListenerName.PRIVATE, 9093 if sasl_ssl else 9092, clients, address),
        Listener(ListenerName.CROSS, 9011, clients, address),
    )
