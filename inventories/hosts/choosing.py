"""Which of the machines that are free carries what: pure, the same answer for the same list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventories.hosts.model import Host


@dataclass(frozen=True)
class Need:
    """What is asked of one machine; with an address only that very machine will do."""

    name: str
    zone: str
    vcpus: int
    memory_gb: int
    disk_gb: int
    address: str | None = None

    def is_met_by(self, host: Host) -> bool:
        """Whether the host is where it should be and as large as it says it must be."""
        return (
            host.zone == self.zone
            and host.vcpus >= self.vcpus
            and host.memory_gb >= self.memory_gb
            and host.disk_gb >= self.disk_gb
            and self.address in (None, host.address)
        )

    @property
    def words(self) -> str:
        """What a host must be, for sentences."""
        if self.address:
            return f"the spare host that has the address {self.address}"
        size = f"at least {self.vcpus} vCPUs, {self.memory_gb} GB of memory"
        return f"a host in zone {self.zone} with {size} and {self.disk_gb} GB of disk"


@dataclass(frozen=True)
class Choice:
    """Machines by what they shall carry, and what nobody is left for."""

    hosts: Mapping[str, Host]
    unmet: tuple[Need, ...]


def choose(needs: Sequence[Need], free: Sequence[Host]) -> Choice:
    """The smallest host that will do for each need; of equal ones the first of the list."""
    left, chosen, unmet = list(free), {}, []
    for need in needs:
        fitting = [host for host in left if need.is_met_by(host)]
        if not fitting:
            unmet.append(need)
            continue
        host = min(fitting, key=lambda one: (one.memory_gb, one.vcpus, one.disk_gb))
        left.remove(host)
        chosen[need.name] = host
    return Choice(chosen, tuple(unmet))
