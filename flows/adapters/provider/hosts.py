"""Machines of your own: never made, never resized; checked, taken with a marker, given back."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flows.adapters.hosts import taking
from flows.adapters.provider.reaching import by_owner, each, key_of, machine_of, unfitness
from flows.adapters.provider.taken import Taken, TakenHosts
from flows.adapters.site import Ansible, Play
from flows.domain.errors import EffectFailed, refusal
from flows.domain.instance import Machine
from flows.domain.machines import MachineOrder, MachineSize, Room
from flows.domain.preflight import HostNeed
from flows.domain.security_groups import GroupRule
from flows.domain.wish import Wish
from inventories.hosts import Host, HostList
from inventories.hosts.choosing import Choice, Need, choose
from inventories.hosts.model import zones_by_hosts

_ONLY_GROUP = "default"


@dataclass(frozen=True)
class HostsProvider:
    """Implements `Provider` with the machines of a list.

    Hosts are reached by their owner's key, which never leaves this class; instances get keys of
    their own. `ansible` makes Ansible for an instance (its id) with a key that it calls for.
    """

    listed: HostList
    taken: TakenHosts
    ansible: Callable[[str, Callable[[], str]], Ansible]

    name = "hosts"
    keeps_machines = True
    restarts_to_resize = False
    routes_eips = False
    has_groups = False

    @property
    def words(self) -> str:
        """What this provider is, for sentences."""
        return f"own hosts ({self.listed.source})"

    def defaults(self) -> Mapping[str, str]:
        """Networks of own hosts are their owner's; there is one of each name."""
        return {
            "provider": self.name,
            "network": "hosts",
            "subnet": "hosts",
            "security_group": _ONLY_GROUP,
        }

    def objections(self, wish: Wish) -> tuple[str, ...]:
        """What own hosts cannot do of a wish, each by name."""
        found = []
        if wish.disk_encryption:
            rule = "own hosts have the disks that they have; off"
            found.append(str(refusal("disk_encryption", "on", rule)))
        for field in ("network", "subnet", "security_group"):
            only, asked = self.defaults()[field], getattr(wish, field)
            if asked != only:
                found.append(str(refusal(field, asked, f'own hosts have only "{only}"')))
        return tuple(found)

    def zones(self) -> tuple[str, ...]:
        """Zones of the list, those with most free hosts first."""
        free = zones_by_hosts(self._free())
        return tuple(dict.fromkeys([*free, *zones_by_hosts(self.listed.hosts)]))

    def room(self) -> Room:
        """All that is free, as the list says it."""
        free = self._free()
        return Room(
            memory_mb=sum(host.memory_gb for host in free) * 1024,
            disk_gb=sum(host.disk_gb for host in free),
            addresses=len(free),
        )

    def need(self, order: MachineOrder) -> Room:
        """The whole size: a real machine is not scaled down."""
        return Room(order.memory_gb * 1024, order.disk_gb, vcpus=order.vcpus)

    def control_address(self) -> str:
        """As the list says it; otherwise the address by which this machine reaches the hosts."""
        if self.listed.control_address:
            return self.listed.control_address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((self.listed.hosts[0].address, 9))  # a route is looked up, no more
            except OSError as error:
                raise EffectFailed(f"own hosts: there is no route to them: {error}") from None
            return str(probe.getsockname()[0])

    def client_network(self) -> str:
        """The network of the list."""
        return self.listed.network

    def survey(self, orders: Sequence[MachineOrder]) -> tuple[str, ...]:
        """Why hosts cannot carry these, each host and reason; empty when there are enough."""
        return self._select(orders)[1]

    def make(self, orders: Sequence[MachineOrder]) -> tuple[Machine, ...]:
        """Each is a host with our marker that lets the instance's key in; fit, as it was looked at.

        EffectFailed, with every reason, when there are not enough of them.
        """
        chosen, objections = self._select(orders)
        if objections:
            raise EffectFailed("; ".join(objections))
        self.taken.take({name: (host.address, host.name) for name, host in chosen.items()})
        places = {row.machine: row for row in self.taken.all()}
        hosts = [self._host(places[order.name]) for order in orders]
        return tuple(each(self._take, list(zip(orders, hosts, strict=True))))

    def size(self, name: str) -> MachineSize | None:
        """What the list says of the host that is that machine."""
        place = self._place(name)
        if place is None:
            return None
        host = self._host(place)
        return MachineSize(host.vcpus, host.memory_gb, host.disk_gb)

    def resize(self, name: str, vcpus: int, memory_gb: int) -> None:
        """Nothing is done: the host must have the size already."""
        size = self._present_size(name)
        if size.vcpus < vcpus or size.memory_gb < memory_gb:
            raise EffectFailed(
                f"own hosts: {name} has {size.vcpus} vCPUs and {size.memory_gb} GB in "
                f"{self.listed.source}; {vcpus} and {memory_gb} are needed, and own hosts are "
                "never resized"
            )

    def grow_disk(self, name: str, gb: int) -> None:
        """Nothing is done: the disk must have the size already."""
        size = self._present_size(name)
        if size.disk_gb < gb:
            raise EffectFailed(
                f"own hosts: the disk of {name} has {size.disk_gb} GB in {self.listed.source}; "
                f"{gb} are needed, and disks of own hosts are grown by their owner"
            )

    def exists(self, name: str) -> bool:
        """Whether a host is that machine now."""
        return self._place(name) is not None

    def running(self, name: str) -> bool:
        """Nobody here can tell without asking the host: a taken one is believed to run."""
        return self.exists(name)

    def remove(self, names: Sequence[str]) -> None:
        """The hosts are free again; what is not clean, or does not answer, waits to be cleaned."""
        places = [place for name in names if (place := self._place(name))]
        each(self._give_back, places)

    def clean_left(self) -> tuple[str, ...]:
        """Hosts that wait to be cleaned and answer again are clean and free; a line for each."""
        left = [place for place in self.taken.all() if place.to_be_cleaned]
        return tuple(line for line in each(self._clean, left) if line)

    def eips(self) -> Mapping[str, str]:
        """Nothing is known: whoever owns the network leads EIPs to hosts."""
        return {}

    def eip_objection(self, eip: str) -> str:
        """Any address may be one."""
        return ""

    def assign_eip(self, eip: str, machine: str) -> None:
        """Nothing is done: the EIP has to lead there already, which a proof shows."""

    def release_eip(self, eip: str) -> None:
        """Nothing is done."""

    def security_groups(self) -> Mapping[str, tuple[GroupRule, ...]]:
        """The only one, which lets everything through to the hosts' own firewalls."""
        return {_ONLY_GROUP: (GroupRule("0.0.0.0/0", ((1, 65_535),)),)}

    def group_of(self, machine: str) -> str:
        """The only one."""
        return _ONLY_GROUP

    def set_security_group(self, group: str, rules: Sequence[GroupRule]) -> None:
        """EffectFailed: the network of own hosts is its owner's."""
        raise EffectFailed(
            f"own hosts: security group {group}: there is only {_ONLY_GROUP}, and its rules are "
            "those of the owner's network"
        )

    def put_in_group(self, machine: str, group: str) -> None:
        """EffectFailed for any other than the only one."""
        if group != _ONLY_GROUP:
            raise EffectFailed(f"own hosts: security group {group}: there is only {_ONLY_GROUP}")

    def remove_security_group(self, group: str) -> None:
        """Nothing: none was ever made."""

    def _select(self, orders: Sequence[MachineOrder]) -> tuple[Mapping[str, Host], tuple[str, ...]]:
        """New hosts by machine; hosts that are looked at and not fit are passed over."""
        present = {place.machine for place in self.taken.all()}
        asked = {order.name: order for order in orders if order.name not in present}
        needs = [_need(order) for order in asked.values()]
        unfit: dict[Host, tuple[str, ...]] = {}
        seen: set[tuple[str, Host]] = set()
        while True:
            free = self._free()
            choice = choose(needs, [host for host in free if host not in unfit])
            if choice.unmet:
                return {}, _lack(self.listed.source, choice, free, unfit)
            new = [pair for pair in choice.hosts.items() if pair not in seen]
            found = each(lambda pair: self._unfitness(asked[pair[0]], pair[1]), new)
            seen.update(new)
            bad = {host: why for (_, host), why in zip(new, found, strict=True) if why}
            if not bad:
                return choice.hosts, ()
            unfit.update(bad)

    def _unfitness(self, order: MachineOrder, host: Host) -> tuple[str, ...]:
        room = self.need(order)
        need = HostNeed(_owner(order.name), room.memory_mb, room.disk_gb, room.vcpus)
        return unfitness(host, need)

    def _free(self) -> tuple[Host, ...]:
        taken = {place.address for place in self.taken.all()}
        return tuple(host for host in self.listed.hosts if host.address not in taken)

    def _present_size(self, name: str) -> MachineSize:
        size = self.size(name)
        if size is None:
            raise EffectFailed(f"own hosts: no host is the machine {name}")
        return size

    def _place(self, name: str) -> Taken | None:
        places = [place for place in self.taken.all() if not place.to_be_cleaned]
        return next((place for place in places if place.machine == name), None)

    def _host(self, place: Taken) -> Host:
        host = self.listed.by_address(place.address)
        if host is None:
            raise EffectFailed(
                f"{self.listed.source}: host {place.host} ({place.address}) carries "
                f"{place.machine} and is not in the list any more; put it back"
            )
        return host

    def _take(self, pair: tuple[MachineOrder, Host]) -> Machine:
        order, host = pair
        claim = (_owner(order.name), order.epoch)
        taking.take(by_owner(host), key_of(host), claim, order.authorized_key)
        _, broker, generation = order.name.rsplit("-", 2)
        return machine_of(host, order.name, int(broker), int(generation))

    def _give_back(self, place: Taken) -> None:
        try:
            host = self._host(place)
            rest = taking.give_back(by_owner(host), key_of(host), place.owner)
        except EffectFailed:
            # Its owner is told by the list of hosts; the sweep tries again as long as it takes.
            self.taken.leave(place.machine)
            return
        if rest.owner == place.owner:
            self.taken.leave(place.machine)
        else:
            self.taken.free(place.machine)

    def _clean(self, place: Taken) -> str:
        host = self.listed.by_address(place.address)
        if host is None:
            return ""
        try:
            rest = taking.give_back(by_owner(host), key_of(host), place.owner)
            if rest.owner == place.owner:
                self._clean_by_play(host, place, rest.epoch)
                rest = taking.give_back(by_owner(host), key_of(host), place.owner)
        except EffectFailed:
            return ""  # it does not answer yet: it waits on
        if rest.owner == place.owner:
            return ""
        self.taken.free(place.machine)
        return f"{host.words}: cleaned after {place.machine}, and free again"

    def _clean_by_play(self, host: Host, place: Taken, epoch: int) -> None:
        ansible = self.ansible(place.owner, lambda: key_of(host))
        machines = (by_owner(host),)
        ansible.play(Play("clean_host.yml", machines, epoch, variables={}, secrets={}))


def _lack(
    source: str, choice: Choice, free: Sequence[Host], unfit: Mapping[Host, tuple[str, ...]]
) -> tuple[str, ...]:
    """What is missing first, then why hosts that are free will not do."""
    wanted = [need.words for need in choice.unmet]
    names = ", ".join(f"{host.name} ({host.zone})" for host in free) or "none"
    lines = [
        f"brokers: {wanted.count(words)} of them would need {words}; free in {source}: {names}"
        for words in dict.fromkeys(wanted)
    ]
    return (*lines, *(reason for reasons in unfit.values() for reason in reasons))


def _need(order: MachineOrder) -> Need:
    return Need(order.name, order.zone, order.vcpus, order.memory_gb, order.disk_gb, order.address)


def _owner(name: str) -> str:
    return name.rsplit("-", 2)[0]
