"""By which addresses clients reach the brokers: part of the wish, checked without a look.

Addresses stand in the order of the brokers, the first one for broker 1. No two brokers may have
the same one: a client that is led to the wrong broker finds none of what it asks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from pydantic import BaseModel, ConfigDict

from flows.domain.errors import Refused, refusal

ENDPOINT_NETWORK = "198.19.128.0/17"
"""From where endpoint services reach brokers (guide, section 6.4)."""
KEEP_OLD_SECONDS = 300
"""As long as clients believe what they were told: `metadata.max.age.ms` is 5 minutes."""
PER_ADDRESS = 1_000
"""Connections of one client address to a broker (SPEC 2.1)."""
ANYONE = "0.0.0.0/0"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_NAME_LENGTH = 253


class CrossMode(StrEnum):
    """How clients of other networks come to port 9011."""

    ENDPOINT = "endpoint"
    DNAT = "dnat"


class Route(BaseModel):
    """One way to port 9011 of every broker: the address that each one advertises there.

    `gateways` are the hosts that translate (DNAT); with `masquerade` brokers see only their
    addresses, which stand in `seen_as`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: CrossMode
    addresses: tuple[str, ...]
    gateways: tuple[str, ...] = ()
    masquerade: bool = False
    seen_as: tuple[str, ...] = ()

    def address_of(self, broker: int) -> str | None:
        """What that broker advertises; None for one that was not given an address."""
        return self.addresses[broker - 1] if broker <= len(self.addresses) else None


class FormerRoute(BaseModel):
    """A route that was replaced and still works, for clients that were told of it.

    `until` is when it may go, in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    route: Route
    until: float


class FormerEips(BaseModel):
    """EIPs that brokers had before and that still lead to them, until a moment (s since 1970)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    addresses: tuple[str, ...]
    until: float


class ServedNames(BaseModel):
    """Names that a broker has served at a listener, started as its wish then said.

    Kafka 2.7 refuses fewer names in the same process, so they stay until the broker is started
    anew; `start` is the machine and the generation for which it was started (`Wish.start_of`). A
    process that came back by itself has what it was told before, so its start does not count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: int
    listener: str
    start: tuple[int, int]
    names: tuple[str, ...]


class Access(BaseModel):
    """How clients of other networks reach the instance, and how many may come from one address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cross: Route | None = None
    """None: 9011 advertises the private addresses and is closed."""
    coming: Route | None = None
    """A way that is to become the present one, once it is proved."""
    former: FormerRoute | None = None
    coming_eips: tuple[str, ...] = ()
    """EIPs that lead to the brokers and are not told to clients yet."""
    former_eips: FormerEips | None = None
    keep_old: int = KEEP_OLD_SECONDS
    endpoint_network: str = ENDPOINT_NETWORK
    per_address: int = PER_ADDRESS
    private_sources: tuple[str, ...] = ()
    """Who may reach 9092 or 9093; empty: the network that the provider names."""
    public_sources: tuple[str, ...] = ()
    """Who may reach 9094 or 9095 while public access is on; empty: anyone."""
    served: tuple[ServedNames, ...] = ()
    returning: bool = False
    """Whether clients are being given back what they were told before a change was cut off."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every way that is to be open now: the present one, the next and the one from before."""
        former = self.former.route if self.former else None
        return tuple(route for route in (self.cross, self.coming, former) if route is not None)

    @property
    def old_until(self) -> float | None:
        """When the last of what was replaced may go, in seconds since 1970; None for nothing."""
        former = (each.until for each in (self.former, self.former_eips) if each)
        return max(former, default=None)

    @property
    def unlimited(self) -> tuple[str, ...]:
        """Addresses behind which many clients are: those of gateways that masquerade."""
        return tuple(dict.fromkeys(each for route in self.routes for each in route.seen_as))

    @property
    def cross_sources(self) -> tuple[str, ...]:
        """Who may reach 9011, as addresses and networks; nobody as long as it has no route."""
        modes = {route.mode for route in self.routes}
        if CrossMode.DNAT in modes:
            return (ANYONE,)
        return (self.endpoint_network,) if modes else ()

    def cross_names(self, broker: int) -> tuple[str, ...]:
        """Every address by which clients may come to 9011 of a broker."""
        found = (route.address_of(broker) for route in self.routes)
        return tuple(dict.fromkeys(address for address in found if address))

    def public_names(self, broker: int) -> tuple[str, ...]:
        """The EIPs that lead to a broker beside the one that it tells clients."""
        former = self.former_eips.addresses if self.former_eips else ()
        lists = (self.coming_eips, former)
        return tuple(each[broker - 1] for each in lists if broker <= len(each))

    def served_names(self, broker: int, listener: str, start: tuple[int, int]) -> tuple[str, ...]:
        """The names that a certificate of this listener may not lose in a process of that start."""
        found = (
            each
            for each in self.served
            if (each.broker, each.listener) == (broker, listener) and each.start >= start
        )
        return tuple(dict.fromkeys(name for each in found for name in each.names))


def check_eips(field: str, addresses: Sequence[str], brokers: int) -> None:
    """Refuses what is not one IPv4 EIP for each broker."""
    for address in addresses:
        _check_ipv4(field, address)
    _check_each_once(field, addresses, "EIP")
    _check_count(field, addresses, brokers, "EIPs")


def check_advertised(field: str, addresses: Sequence[str], brokers: int) -> None:
    """Refuses what is not one IPv4 address or domain name for each broker."""
    for address in addresses:
        _check_host(field, address)
    _check_each_once(field, [address.lower() for address in addresses], "address")
    _check_count(field, addresses, brokers, "addresses")


def is_ipv4(text: str) -> bool:
    """Whether it is an IPv4 address."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _check_ipv4(field: str, address: str) -> None:
    if _is_ipv6(address):
        raise refusal(field, address, "an EIP must be an IPv4 address, not IPv6")
    if not is_ipv4(address):
        raise refusal(field, address, "IPv4 addresses are accepted")


def _check_host(field: str, host: str) -> None:
    if _is_ipv6(host):
        raise refusal(field, host, "IPv4 addresses and domain names are accepted, not IPv6")
    if is_ipv4(host):
        return
    if any(character.isspace() for character in host):
        raise refusal(field, host, "there is white space in it; a domain name has none")
    if ":" in host:
        raise refusal(field, host, "without a port, please: it is always 9011")
    labels = host.split(".")
    numeric = all(label.isdigit() for label in labels)
    if numeric or len(host) > _NAME_LENGTH or not all(map(_LABEL.fullmatch, labels)):
        raise refusal(
            field,
            host,
            "it is neither an IPv4 address nor a domain name: labels of up to 63 letters, digits "
            "and -, separated by dots",
        )


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _check_each_once(field: str, addresses: Sequence[str], what: str) -> None:
    for number, address in enumerate(addresses):
        if address in addresses[:number]:
            first = list(addresses).index(address) + 1
            raise refusal(
                field, address, f"brokers {first} and {number + 1} cannot have the same {what}"
            )


def _check_count(field: str, addresses: Sequence[str], brokers: int, what: str) -> None:
    if len(addresses) != brokers:
        raise Refused(
            f"{field} {len(addresses)} {what}: one per broker is accepted, {brokers} of them"
        )
