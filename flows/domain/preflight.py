"""What a host must be before anything is put on it, each shortcoming a sentence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flows.domain.listeners import (
    ZOOKEEPER_CLIENT_PORT,
    ZOOKEEPER_ELECTION_PORT,
    ZOOKEEPER_PEER_PORT,
)
from flows.domain.machines import HostFacts

SYSTEMS = ("Debian 12", "Debian 11", "Ubuntu 22.04")
OUR_DISK = "xfs kafka-fleet"
MAX_CLOCK_OFFSET_SECONDS = 5.0
JAVA_RELEASES = ("11", "17")
OUR_PORTS = (
    *(9090, 9091, 9092, 9093, 9094, 9095, 9011),
    *(ZOOKEEPER_CLIENT_PORT, ZOOKEEPER_PEER_PORT, ZOOKEEPER_ELECTION_PORT),
)


@dataclass(frozen=True)
class HostNeed:
    """What an instance asks of each of its hosts."""

    owner: str
    memory_mb: int
    disk_gb: int
    vcpus: int = 0


def shortcomings(facts: HostFacts, need: HostNeed) -> tuple[str, ...]:
    """Why this host cannot carry a broker; empty when it can.

    A host that already is ours may listen on our ports: an interrupted creation goes on.
    """
    ours = facts.owner == need.owner
    found = (
        *_ownership(facts, need),
        *_size(facts, need),
        *_data_disk(facts),
        *_software(facts),
        *_surroundings(facts),
        *(() if ours else _ports(facts.listening)),
    )
    return tuple(found)


def _ownership(facts: HostFacts, need: HostNeed) -> list[str]:
    if facts.owner not in (None, need.owner):
        return [f"it carries the marker of instance {facts.owner}"]
    if facts.owner is None and facts.foreign_kafka:
        return ["another Kafka is installed or running there"]
    return []


def _size(facts: HostFacts, need: HostNeed) -> list[str]:
    found = []
    if facts.vcpus < need.vcpus:
        found.append(f"it has {facts.vcpus} vCPUs, {need.vcpus} are needed")
    if facts.memory_mb < need.memory_mb * 0.9:
        found.append(f"it has {facts.memory_mb} MB of memory, {need.memory_mb} MB are needed")
    if facts.disk_gb < need.disk_gb * 0.9:
        found.append(f"its data disk has {facts.disk_gb} GB, {need.disk_gb} GB are needed")
    return found


def _data_disk(facts: HostFacts) -> list[str]:
    """A host without our marker is not ours, so neither is what its disk holds."""
    if not facts.data_disk or (facts.owner and facts.data_disk == OUR_DISK):
        return []
    rule = "only a blank disk is accepted (`wipefs --all` blanks it)"
    if facts.data_disk == OUR_DISK:
        return [f"its data disk holds the data of an instance that is gone; {rule}"]
    return [f"its data disk holds {facts.data_disk}; {rule}"]


def _software(facts: HostFacts) -> list[str]:
    found = []
    if facts.system.lower() not in [system.lower() for system in SYSTEMS]:
        found.append(f"it runs {facts.system}; accepted are {', '.join(SYSTEMS)}")
    if facts.java.split(".")[0] not in JAVA_RELEASES:
        has = f"Java {facts.java}" if facts.java else "no Java"
        needed = f"OpenJDK {' or '.join(JAVA_RELEASES)} is needed"
        found.append(f"it has {has}; {needed} (apt-get install openjdk-17-jre-headless)")
    if not facts.python:
        found.append("it has no Python 3")
    if facts.missing_packages:
        names = " ".join(facts.missing_packages)
        found.append(f"it lacks Debian packages that are needed (apt-get install {names})")
    return found


def _surroundings(facts: HostFacts) -> list[str]:
    found = []
    if abs(facts.clock_offset_seconds) > MAX_CLOCK_OFFSET_SECONDS:
        offset = f"{facts.clock_offset_seconds:+.1f} s"
        found.append(f"its clock is {offset} off, at most {MAX_CLOCK_OFFSET_SECONDS:.0f} s allowed")
    if not facts.resolves_itself:
        found.append("it cannot resolve its own host name")
    if facts.foreign_drops:
        dropped = ", ".join(str(port) for port in facts.foreign_drops)
        found.append(f"a firewall that is not ours drops port {dropped}")
    return found


def _ports(listening: Collection[int]) -> list[str]:
    return [f"port {port} is in use" for port in OUR_PORTS if port in listening]
