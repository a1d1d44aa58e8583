"""What a client sees from its own network: addresses asked there, and what answered.

Nothing is proved by a look from the control plane: routes, name servers and the translation of
addresses are the client's. So a proof runs at a *vantage*, a host in the clients' network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address

from flows.domain.listeners import Listener, Protocol


class Network(StrEnum):
    """Where clients are: beside the brokers, anywhere outside, or behind endpoints."""

    LAN = "lan"
    OUTSIDE = "outside"
    ENDPOINT = "endpoint"


class Stage(StrEnum):
    """How far a client came; the last one is the only good end."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    METADATA = "metadata"
    BROKER = "broker"
    RIGHT = "right"


@dataclass(frozen=True)
class Address:
    """One address (an IPv4 address or a name), and the broker that is to answer there."""

    broker: int
    host: str
    port: int
    protocol: Protocol

    @property
    def words(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    @property
    def is_name(self) -> bool:
        """Whether the clients' name servers say what it means."""
        try:
            IPv4Address(self.host)
        except AddressValueError:
            return True
        return False


@dataclass(frozen=True)
class Answer:
    """What answered at one address; `reason` is None exactly when it was the right broker.

    `resolved` is what the name means there. `answered_by` is the broker at the other end of that
    very connection, `instance` the instance that it belongs to. `advertised` is broker ->
    `host:port` as that connection's metadata told it.
    """

    address: Address
    stage: Stage
    reason: str | None = None
    resolved: tuple[str, ...] = ()
    answered_by: int | None = None
    instance: str | None = None
    advertised: tuple[tuple[int, str], ...] = ()
    served: tuple[str, ...] = ()
    """The certificates that were sent there (PEM), the listener's own first; none without TLS."""
    whole: bool = True
    """Whether these are all that were sent: a vantage with an old Python sees the first alone."""

    @property
    def right(self) -> bool:
        """Whether a client that is given this address reaches its broker."""
        return self.reason is None


def address_of(broker: int, listener: Listener, host: str | None = None) -> Address:
    """Where a listener of a broker is to be asked: as advertised, or at another host."""
    return Address(broker, host or listener.advertised_host, listener.port, listener.protocol)


def complaints(answers: Iterable[Answer]) -> tuple[str, ...]:
    """A sentence for each wrong answer: `broker 2 at 192.0.2.8:9011: ...`."""
    return tuple(
        f"broker {answer.address.broker} at {answer.address.words}: {answer.reason}"
        for answer in answers
        if answer.reason is not None
    )


def no_vantage(network: Network) -> str:
    """The sentence for a proof that nobody can make."""
    return f"there is no vantage in the network {network}, so nobody can look from there"
