"""The lab's vantages: a small machine in each of its networks, made when somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from flows.adapters.hosts.connections import Connections
from flows.adapters.hosts.keys import authorized_line
from flows.adapters.vantage.ssh import Login, SshVantage
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, Machine
from flows.domain.vantage import Network
from inventories.lab import Lab, LabError, MachineSpec
from inventories.lab.model import Place

_PLACES: dict[Network, Place] = {
    Network.LAN: "lan",
    Network.OUTSIDE: "outside",
    Network.ENDPOINT: "vpc",
}
_SMALLEST_MB = 512


@dataclass(frozen=True)
class LabVantages:
    """Implements `Vantages`; `key` is a private SSH key that only they know."""

    lab: Lab
    key: Callable[[], str] = field(repr=False)
    login: Callable[[Instance], Login] = field(repr=False)

    @cached_property
    def _connections(self) -> Connections:
        return Connections(self.key, rooted=False)

    @cached_property
    def _known(self) -> dict[Network, Machine]:
        return {}

    def of(self, network: Network) -> SshVantage:
        """The machine of that network; it runs."""
        known = self._known.get(network)
        # Who holds an open connection need not ask the lab whether the machine runs.
        if known is None or not self._connections.open_to(known):
            known = self._known[network] = self._running(network)
        return SshVantage(network, known, self._connections, self.login)

    def _running(self, network: Network) -> Machine:
        spec = MachineSpec(
            name=f"vantage-{network}",
            vcpus=1,
            memory_mb=_SMALLEST_MB,
            disk_gb=1,
            authorized_key=authorized_line(self.key(), "vantages"),
            place=_PLACES[network],
        )
        try:
            made = self.lab.create_machine(spec)
        except LabError as error:
            raise EffectFailed(f"lab: {error}") from error
        return Machine(made.name, 0, 0, str(made.address), made.zone, made.host_key)
