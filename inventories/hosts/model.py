"""What an inventory of own machines says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Host:
    """One machine, its login and what its owner says of its size.

    `host_key` is pinned: `ssh-ed25519 AAAA...`. `user` is root or becomes root by sudo without a
    password. `data_device` is a block device for Kafka's data alone.
    """

    name: str
    address: str
    host_key: str
    vcpus: int
    memory_gb: int
    data_device: str
    disk_gb: int
    user: str
    key_file: Path
    port: int = 22
    zone: str = "zone-1"

    @property
    def words(self) -> str:
        """The host for sentences: `host "kafka-1" (192.0.2.11)`."""
        return f'host "{self.name}" ({self.address})'


@dataclass(frozen=True)
class Post:
    """A machine that carries no broker: a vantage in a network of clients, or a gateway.

    `network` is a vantage's: lan, outside or endpoint. A gateway's user becomes root by sudo
    without a password; a vantage's need not.
    """

    name: str
    address: str
    host_key: str
    user: str
    key_file: Path
    port: int = 22
    network: str = ""

    @property
    def words(self) -> str:
        """The machine for sentences."""
        kind = "vantage" if self.network else "gateway"
        return f'{kind} "{self.name}" ({self.address})'


@dataclass(frozen=True)
class HostList:
    """All machines of one file, in its order.

    Clients in `network` (CIDR) may connect. `control_address` is the control plane's as the
    machines see it; empty: the one that this host's routes say.
    """

    source: str
    network: str
    hosts: tuple[Host, ...]
    control_address: str = ""
    vantages: tuple[Post, ...] = ()
    """Where clients are, at most one host in each network."""
    gateways: tuple[Post, ...] = ()
    """Linux gateways on which rules of DNAT may be made."""

    def by_address(self, address: str) -> Host | None:
        """The machine that has the address."""
        return next((host for host in self.hosts if host.address == address), None)


def zones_by_hosts(hosts: Iterable[Host]) -> tuple[str, ...]:
    """Zones of the hosts, those with most hosts first; otherwise in the order of the file."""
    zones = [host.zone for host in hosts]
    return tuple(sorted(dict.fromkeys(zones), key=lambda zone: -zones.count(zone)))
