"""What is asked of a provider of machines, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MachineOrder:
    """A machine to make; made once, however often it is asked for by its name.

    `epoch` is the operation that asks: a host that is taken notes it.
    """

    name: str
    host_name: str
    zone: str
    vcpus: int
    memory_gb: int
    disk_gb: int
    authorized_key: str
    address: str | None = None
    epoch: int = 0


@dataclass(frozen=True)
class MachineSize:
    """The nominal size of a machine, as its provider knows it."""

    vcpus: int
    memory_gb: int
    disk_gb: int


@dataclass(frozen=True)
class Room:
    """What a provider still has, or a machine takes: effective MB of memory, GB of disk.

    `addresses` is how many a provider can still give; a machine takes one. `vcpus` is 0 where
    they are not counted.
    """

    memory_mb: int
    disk_gb: int
    addresses: int = 65_536
    vcpus: int = 0


@dataclass(frozen=True)
class HostFacts:
    """What the preflight reads on a host in one round trip.

    `listening` are TCP ports in use, `data_disk` says what the device holds (`xfs kafka-fleet`,
    `ext4`; empty: nothing), `missing_packages` are Debian packages that the product needs there.
    """

    system: str
    python: str
    java: str
    memory_mb: int
    clock_offset_seconds: float
    disk_gb: int
    listening: tuple[int, ...]
    resolves_itself: bool
    owner: str | None
    foreign_kafka: bool
    foreign_drops: tuple[int, ...] = ()
    vcpus: int = 0
    data_disk: str = ""
    missing_packages: tuple[str, ...] = ()
