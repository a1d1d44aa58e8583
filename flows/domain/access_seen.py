"""What was seen of the ways of clients, on hosts, gateways and from the clients' side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from flows.domain.dnat import GatewayState
from flows.domain.loaded_firewall import LoadedFirewall
from flows.domain.security_groups import SeenGroups

FILE_KEYS = (
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
)
"""What `server.properties` says of clients' ways; nothing of it is secret."""


@dataclass(frozen=True)
class AtBoot:
    """What a host would load when it boots: the digest of its file of rules (empty: there is none),
    and whether its unit is enabled."""

    firewall: str
    enabled: bool


@dataclass(frozen=True)
class HostWays:
    """One host: what its kernel filters (None: nothing), and what its broker starts with.

    `at_boot` is what it would filter after a boot, None where nobody asked.
    """

    firewall: LoadedFirewall | None = None
    file: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    at_boot: AtBoot | None = None


@dataclass(frozen=True)
class AccessSeen:
    """One look; where nobody answered stands why.

    `hosts` is by broker, `gateways` by name. `eips` is EIP -> the machine or gateway that it leads
    to, None where their owner leads them. `complaints` are the sentences of who asked as a client.
    `groups` are the provider's security groups, None where it has none.
    """

    hosts: Mapping[int, HostWays | str] = field(default_factory=lambda: MappingProxyType({}))
    gateways: Mapping[str, GatewayState | str] = field(default_factory=lambda: MappingProxyType({}))
    eips: Mapping[str, str] | None = None
    complaints: tuple[str, ...] = ()
    groups: SeenGroups | None = None
