"""Hosts of one's own in the fake world: they are there before an instance, and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine
from flows.domain.machines import MachineOrder
from tests.world.effects import Effects, changes
from tests.world.machines import FakeHost, FakeProvider

ZONES = ("zone-1", "zone-1", "zone-1", "zone-2", "zone-3")


class FakeOwnHosts(FakeProvider):
    """Implements `Provider` with five hosts; `free` ones have no name of a machine."""

    name = "hosts"
    words = "own hosts (fake.yml)"

    def __init__(self, effects: Effects) -> None:
        super().__init__(effects)
        self.keeps_machines = True
        self.has_groups = False
        self.unused = [_blank(number, zone) for number, zone in enumerate(ZONES, 11)]
        self.left: dict[str, FakeHost] = {}
        """Hosts that could not be given back clean, by the machine that they were."""

    def defaults(self) -> Mapping[str, str]:
        """Its own names."""
        own = {"network": "hosts", "subnet": "hosts", "security_group": "default"}
        return {"provider": "hosts", **own}

    def survey(self, orders: Sequence[MachineOrder]) -> tuple[str, ...]:
        """Each zone needs as many hosts as are ordered there."""
        asked = [order.zone for order in orders if order.name not in self.hosts]
        free = [host.machine.zone for host in self.unused]
        short = [zone for zone in dict.fromkeys(asked) if asked.count(zone) > free.count(zone)]
        return tuple(f"brokers: too few free hosts in {zone}" for zone in short)

    def make(self, orders: Sequence[MachineOrder]) -> tuple[Machine, ...]:
        """All are reserved at once; then each gets its marker."""
        new = [order for order in orders if order.name not in self.hosts]
        if new:
            self._reserve(new)
        for order in orders:
            if self.hosts[order.name].owner is None:
                self._claim(order)
        return tuple(self.hosts[order.name].machine for order in orders)

    def clean_left(self) -> tuple[str, ...]:
        """Those that answer again are cleaned."""
        answering = [name for name, host in self.left.items() if host.running]
        for name in answering:
            self._clean(name)
        return tuple(f"{name}: cleaned" for name in answering)

    @changes
    def _reserve(self, orders: Sequence[MachineOrder]) -> None:
        objections = self.survey(orders)
        if objections:
            raise EffectFailed("; ".join(objections))
        for order in orders:
            host = next(host for host in self.unused if host.machine.zone == order.zone)
            self.unused.remove(host)
            _, broker, generation = order.name.rsplit("-", 2)
            place = replace(host.machine, broker=int(broker), generation=int(generation))
            host.machine = replace(place, name=order.name)
            self.hosts[order.name] = host

    @changes
    def _claim(self, order: MachineOrder) -> None:
        self.hosts[order.name].take(order.name.rsplit("-", 2)[0], order.epoch)

    @changes
    def _remove(self, name: str) -> None:
        host = self.hosts.pop(name)
        used = host.files or host.distributions
        if not host.running or used:
            self.left[name] = host
        else:
            self._give_back(host)

    @changes
    def _clean(self, name: str) -> None:
        self._give_back(self.left.pop(name))

    def _give_back(self, host: FakeHost) -> None:
        self.unused.append(FakeHost(replace(host.machine, name="", broker=0, generation=0)))


def _blank(number: int, zone: str) -> FakeHost:
    address = f"192.0.2.{number}"
    key = f"ssh-ed25519 {address}"
    return FakeHost(Machine("", 0, 0, address, zone, key, user="ops", port=2222))
