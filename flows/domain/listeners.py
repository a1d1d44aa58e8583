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


INTERNAL_PORT = 9090
ZOOKEEPER_CLIENT_PORT = 2181
ZOOKEEPER_PEER_PORT = 2888
ZOOKEEPER_ELECTION_PORT = 3888
CONSOLE_PORT = 9999
CROSS_PORT = 9011

CLIENT_LISTENERS = (ListenerName.PRIVATE, ListenerName.PUBLIC, ListenerName.CROSS)


@dataclass(frozen=True)
class Listener:
    """One listener of one broker: where it binds and what it tells clients."""

    name: ListenerName
    port: int
    protocol: Protocol
    advertised_host: str
    also_named: tuple[str, ...] = ()
    """Names that its certificate holds besides: those that the broker has served before."""

    @property
    def for_clients(self) -> bool:
        """Whether users' clients come through it."""
        return self.name in CLIENT_LISTENERS

    @property
    def secured(self) -> bool:
        """Whether it serves a certificate."""
        return self.protocol is not Protocol.PLAINTEXT

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Every address and domain name that its certificate is for, the advertised one first."""
        return tuple(dict.fromkeys((self.advertised_host, *self.also_named)))

    @property
    def advertised(self) -> str:
        """`host:port` as clients are told."""
        return f"{self.advertised_host}:{self.port}"


def client_protocol(*, sasl_ssl: bool, mutual_tls: bool) -> Protocol:
    """How clients come in: with mutual TLS by a certificate, on the ports of SASL_SSL."""
    if not sasl_ssl:
        return Protocol.PLAINTEXT
    return Protocol.SSL if mutual_tls else Protocol.SASL_SSL


def creation_listeners(
    address: str, *, sasl_ssl: bool, mutual_tls: bool = False
) -> tuple[Listener, ...]:
    """The listeners a broker is born with; CROSS advertises the private address until it is set."""
    clients = client_protocol(sasl_ssl=sasl_ssl, mutual_tls=mutual_tls)
    return (
        Listener(ListenerName.INTERNAL, INTERNAL_PORT, Protocol.SSL, address),
        Listener(ListenerName.CONTROL, 9091, Protocol.SSL, address),
        Listener(ListenerName.PRIVATE, 9093 if sasl_ssl else 9092, clients, address),
        Listener(ListenerName.CROSS, CROSS_PORT, clients, address),
    )


def public_listener(eip: str, clients: Protocol) -> Listener:
    """9094 or 9095, for clients who come by the broker's EIP."""
    port = 9094 if clients is Protocol.PLAINTEXT else 9095
    return Listener(ListenerName.PUBLIC, port, clients, eip)
