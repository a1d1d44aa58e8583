"""Machines of the embedded lab; own hosts and clouds implement the same protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from flows.domain.errors import EffectFailed, refusal
from flows.domain.instance import Machine
from flows.domain.machines import MachineOrder, MachineSize, Room
from flows.domain.security_groups import GroupRule
from flows.domain.wish import Wish
from inventories import lab as labs

T = TypeVar("T")


class LabProvider:
    """Implements `Provider` with systemd-nspawn machines on this host."""

    name = "lab"
    keeps_machines = False
    restarts_to_resize = False
    routes_eips = True
    has_groups = True

    def __init__(self, lab: labs.Lab) -> None:
        self._lab = lab

    @property
    def words(self) -> str:
        """What this provider is and how it scales machines down, for sentences."""
        factor = self._lab.factor
        return (
            f"the lab (which gives machines {factor.memory:.0%} of their flavor's memory and "
            f"sets {factor.disk:.0%} of their disk aside)"
        )

    def defaults(self) -> Mapping[str, str]:
        """The lab's only network, subnet and security group."""
        return {
            "provider": self.name,
            "network": labs.Lab.network_name,
            "subnet": labs.Lab.subnet_name,
            "security_group": labs.Lab.security_group_name,
        }

    def objections(self, wish: Wish) -> tuple[str, ...]:
        """What the lab cannot do of a wish, each by name."""
        found = []
        if wish.disk_encryption:
            found.append(str(refusal("disk_encryption", "on", "the lab cannot encrypt disks; off")))
        for field in ("network", "subnet", "security_group"):
            only, asked = self.defaults()[field], getattr(wish, field)
            if asked != only:
                rule = f'the lab has only "{only}"'
                found.append(str(refusal(field, asked, rule)))
        return tuple(found)

    def zones(self) -> tuple[str, ...]:
        """Names of the lab's zones."""
        return self._lab.zones

    def room(self) -> Room:
        """What the host really has left for machines."""
        room = _asked(self._lab.room)
        return Room(room.effective_memory_mb, room.effective_disk_gb, room.addresses)

    def need(self, order: MachineOrder) -> Room:
        """What one machine really takes, scaled by the lab's factor."""
        factor = self._lab.factor
        memory = round(order.memory_gb * 1024 * factor.memory)
        return Room(memory, max(1, round(order.disk_gb * factor.disk)))

    def control_address(self) -> str:
        """The host's own address in the lab."""
        return str(_asked(self._lab.status).host)

    def client_network(self) -> str:
        """The lab's LAN."""
        return str(_asked(self._lab.status).lan)

    def survey(self, orders: Sequence[MachineOrder]) -> tuple[str, ...]:
        """Nothing: machines are made as they are ordered."""
        return ()

    def make(self, orders: Sequence[MachineOrder]) -> tuple[Machine, ...]:
        """All machines run; made in parallel."""
        specs = [_spec(order) for order in orders]
        return tuple(_machine(made) for made in _asked(lambda: self._lab.create_machines(specs)))

    def size(self, name: str) -> MachineSize | None:
        """As it was asked for; what the lab makes of it is smaller by its factor."""
        found = self._lab.show(name)
        return MachineSize(found.vcpus, found.memory_mb // 1024, found.disk_gb) if found else None

    def resize(self, name: str, vcpus: int, memory_gb: int) -> None:
        """At once, without a reboot; processes see the new size when they start."""
        _asked(lambda: self._lab.resize(name, vcpus=vcpus, memory_mb=memory_gb * 1024))

    def grow_disk(self, name: str, gb: int) -> None:
        """At once, also within a running machine."""
        _asked(lambda: self._lab.grow_disk(name, gb))

    def exists(self, name: str) -> bool:
        """Whether the lab knows a machine of this name."""
        return self._lab.show(name) is not None

    def running(self, name: str) -> bool:
        """Whether the machine is up."""
        found = self._lab.show(name)
        return found is not None and found.running

    def remove(self, names: Sequence[str]) -> None:
        """None of the machines exists; their disks and addresses are free."""
        for name in names:
            _asked(lambda name=name: self._lab.remove(name))  # type: ignore[misc]

    def clean_left(self) -> tuple[str, ...]:
        """Nothing: no machine outlives its instance."""
        return ()

    def eips(self) -> Mapping[str, str]:
        """Every EIP that leads somewhere."""
        return {str(eip): name for eip, name in _asked(self._lab.eips).items()}

    def eip_objection(self, eip: str) -> str:
        """Only the addresses of the lab's own network of EIPs are any."""
        network: IPv4Network = _asked(lambda: self._lab.plan.eips)
        if IPv4Address(eip) in set(network.hosts()):
            return ""
        return f"the lab's EIPs are the addresses of {network}"

    def assign_eip(self, eip: str, machine: str) -> None:
        """Outside clients reach the machine there; an EIP of the gateway ends at the gateway."""
        _asked(lambda: self._lab.assign_eip(IPv4Address(eip), machine))

    def release_eip(self, eip: str) -> None:
        """The EIP leads nowhere."""
        _asked(lambda: self._lab.release_eip(IPv4Address(eip)))

    def security_groups(self) -> Mapping[str, tuple[GroupRule, ...]]:
        """The default group and those that were made."""
        found = _asked(self._lab.security_groups)
        return {name: tuple(map(_group_rule, rules)) for name, rules in found.items()}

    def group_of(self, machine: str) -> str:
        """The group that the lab shows."""
        found = self._lab.show(machine)
        if found is None:
            raise EffectFailed(f"lab: there is no machine {machine}")
        return found.security_group

    def set_security_group(self, group: str, rules: Sequence[GroupRule]) -> None:
        """The group has exactly these rules; SSH stays the host's."""
        wished = [labs.Rule(source=IPv4Network(each.source), ports=each.ports) for each in rules]
        _asked(lambda: self._lab.set_security_group(group, wished))

    def put_in_group(self, machine: str, group: str) -> None:
        """The machine is in this group and in no other."""
        _asked(lambda: self._lab.put_in_group(machine, group))

    def remove_security_group(self, group: str) -> None:
        """There is no such group."""
        _asked(lambda: self._lab.remove_security_group(group))


def _group_rule(rule: labs.Rule) -> GroupRule:
    return GroupRule(str(rule.source), rule.ports)


def _spec(order: MachineOrder) -> labs.MachineSpec:
    return labs.MachineSpec(
        name=order.name,
        address=IPv4Address(order.address) if order.address else None,
        zone=order.zone,
        vcpus=order.vcpus,
        memory_mb=order.memory_gb * 1024,
        disk_gb=order.disk_gb,
        hostname=order.host_name,
        authorized_key=order.authorized_key,
    )


def _machine(made: labs.Machine) -> Machine:
    _, broker, generation = made.name.rsplit("-", 2)
    return Machine(
        name=made.name,
        broker=int(broker),
        generation=int(generation),
        address=str(made.address),
        zone=made.zone,
        host_key=made.host_key,
        data_device=made.data_device,
    )


def _asked(work: Callable[[], T]) -> T:
    try:
        return work()
    except labs.LabError as error:
        raise EffectFailed(f"lab: {error}") from error
