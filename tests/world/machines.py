"""Machines of the fake world, what is on them, and the doors to them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from flows.adapters.site import Play, PlayResult, Stream
from flows.domain import paths
from flows.domain.access_seen import FILE_KEYS, AtBoot, HostWays
from flows.domain.errors import EffectFailed
from flows.domain.firewall import HELD, Hold
from flows.domain.host_files import HostFile, as_variable
from flows.domain.instance import HostState, Machine, UnitState
from flows.domain.machines import HostFacts, MachineOrder, MachineSize, Room
from flows.domain.security_groups import GroupRule
from flows.domain.seen_clients import SeenClient
from flows.domain.wish import Wish
from tests.world.effects import Effects, Fake, changes
from tests.world.firewalls import filtered

T = TypeVar("T")


@dataclass
class FakeHost:
    """One machine: whether it runs and what it holds."""

    machine: Machine
    running: bool = True
    owner: str | None = None
    epoch: int = 0
    distributions: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    zookeeper: UnitState = UnitState.ABSENT
    kafka: UnitState = UnitState.ABSENT
    kafka_starts: int = 0
    keeps_kafka: bool = False
    """Whether its broker goes on though it was asked to stop."""
    started_with: str = ""
    """`server.properties` as the broker read it when it started."""
    read: dict[str, str] = field(default_factory=dict)
    """Files as the broker read them, at its start or when it was told of them."""
    firewall: str = ""
    """The text that its kernel filters by, and the one that was loaded last."""
    loaded: str = ""
    filters_at_boot: bool = False
    """Whether the unit that loads the file is enabled."""
    held: tuple[int, ...] = ()
    muted: tuple[int, ...] = ()
    generation: int = 0
    size: MachineSize = field(default_factory=lambda: MachineSize(2, 4, 100))
    file_system_gb: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    clients: tuple[SeenClient, ...] = ()

    def demand_answer(self) -> None:
        """A machine that is down answers nobody."""
        if not self.running:
            raise EffectFailed(f"{self.machine.name}: it does not answer")

    def load_firewall(self, text: str) -> None:
        """It is loaded when the file is another one than was loaded last."""
        if text != self.loaded:
            self.firewall = self.loaded = text

    def take(self, owner: str, epoch: int) -> None:
        """The host belongs to the owner's operation; an older one is refused."""
        self.demand_answer()
        if self.owner not in (None, owner):
            raise EffectFailed(f"{self.machine.name}: it carries the marker of {self.owner}")
        if epoch < self.epoch:
            raise EffectFailed(f"{self.machine.name}: epoch {epoch} is below {self.epoch}")
        self.owner, self.epoch = owner, epoch


class FakeProvider(Fake):
    """Implements `Provider` with machines that are there at once."""

    name = "lab"
    words = "the fake cloud"

    def __init__(self, effects: Effects) -> None:
        self.effects = effects
        self.hosts: dict[str, FakeHost] = {}
        self.keeps_machines = False
        self.restarts_to_resize = False
        self.free = Room(memory_mb=64_000, disk_gb=10_000)
        self._next = 11
        self.routes_eips = True
        self.has_groups = True
        self.eips_of_machines: dict[str, str] = {}
        self.endpoints_of_test: dict[str, str] = {}
        """Endpoint address -> machine: whoever owns the other network made them."""
        self.translated: dict[tuple[str, int], str] = {}
        """(EIP, port) -> private address, by the rules that gateways have in force."""
        self.groups: dict[str, tuple[GroupRule, ...]] = {
            "default": (GroupRule("0.0.0.0/0", ((1, 65_535),)),)
        }
        self.members: dict[str, str] = {}

    def defaults(self) -> Mapping[str, str]:
        """The only ones there are."""
        return {
            "provider": "lab",
            "network": "lab",
            "subnet": "lab-lan",
            "security_group": "default",
        }

    def objections(self, wish: Wish) -> tuple[str, ...]:
        """Disks cannot be encrypted, and there is one security group."""
        only = self.defaults()["security_group"]
        sentences = {
            "disk_encryption on: not here": wish.disk_encryption,
            f'security_group "{wish.security_group}": {self.words} has only "{only}"': (
                wish.security_group != only
            ),
        }
        return tuple(sentence for sentence, holds in sentences.items() if holds)

    def zones(self) -> tuple[str, ...]:
        """Three."""
        return ("zone-1", "zone-2", "zone-3")

    def room(self) -> Room:
        """What is free."""
        return self.free

    def need(self, order: MachineOrder) -> Room:
        """Everything at its nominal size."""
        return Room(order.memory_gb * 1024, order.disk_gb)

    def control_address(self) -> str:
        """The control plane's."""
        return "198.18.0.2"

    def client_network(self) -> str:
        """The network of machines and clients."""
        return "198.18.0.0/24"

    def survey(self, orders: Sequence[MachineOrder]) -> tuple[str, ...]:
        """Whatever is ordered can be made."""
        return ()

    def make(self, orders: Sequence[MachineOrder]) -> tuple[Machine, ...]:
        """One effect for each machine."""
        return tuple(self._make(order) for order in orders)

    def size(self, name: str) -> MachineSize | None:
        """As it was made, or made larger."""
        return self.hosts[name].size if name in self.hosts else None

    def resize(self, name: str, vcpus: int, memory_gb: int) -> None:
        """One effect, when the size is another one."""
        size = self._known(name).size
        wished = replace(size, vcpus=vcpus, memory_gb=memory_gb)
        if size != wished:
            self._give(name, wished)

    def grow_disk(self, name: str, gb: int) -> None:
        """One effect, when the disk is smaller."""
        size = self._known(name).size
        if size.disk_gb > gb:
            raise EffectFailed(f"{name}: a disk only grows")
        if size.disk_gb < gb:
            self._give(name, replace(size, disk_gb=gb))

    def exists(self, name: str) -> bool:
        """Whether there is such a machine."""
        return name in self.hosts

    def running(self, name: str) -> bool:
        """Whether it runs."""
        return name in self.hosts and self.hosts[name].running

    def remove(self, names: Sequence[str]) -> None:
        """One effect for each machine that is there."""
        for name in names:
            if name in self.hosts:
                self._remove(name)

    def _known(self, name: str) -> FakeHost:
        if name not in self.hosts:
            raise EffectFailed(f"there is no machine {name}")
        return self.hosts[name]

    @changes
    def _give(self, name: str, size: MachineSize) -> None:
        self.hosts[name].size = size

    def boot(self, name: str) -> None:
        """What is enabled there runs again, with the files that are there."""
        host = self.hosts[name]
        host.running, host.zookeeper = True, UnitState.ACTIVE
        host.firewall = host.loaded = host.contents.get(paths.FIREWALL, "")
        start_kafka(host, host.generation)

    def clean_left(self) -> tuple[str, ...]:
        """Nothing outlives an instance."""
        return ()

    def eips(self) -> Mapping[str, str]:
        """EIP -> the machine or gateway that it leads to."""
        return dict(self.eips_of_machines)

    def eip_objection(self, eip: str) -> str:
        """Every IPv4 address of 203.0.113.0/24 is one."""
        return "" if eip.startswith("203.0.113.") else f"{eip} is none of 203.0.113.0/24"

    def assign_eip(self, eip: str, machine: str) -> None:
        """One effect, unless it leads there already."""
        present = self.eips_of_machines.get(eip)
        if present not in (None, machine):
            raise EffectFailed(f"EIP {eip} belongs to {present}; release it first")
        if present is None:
            self._assign(eip, machine)

    def release_eip(self, eip: str) -> None:
        """One effect, when it leads anywhere."""
        if eip in self.eips_of_machines:
            self._release(eip)

    def security_groups(self) -> Mapping[str, tuple[GroupRule, ...]]:
        """Every group with its rules."""
        return dict(self.groups)

    def group_of(self, machine: str) -> str:
        """The default one, unless the machine was put into another."""
        return self.members.get(machine, "default")

    def set_security_group(self, group: str, rules: Sequence[GroupRule]) -> None:
        """One effect, when the rules are other ones."""
        if self.groups.get(group) != tuple(rules):
            self._set_group(group, tuple(rules))

    def put_in_group(self, machine: str, group: str) -> None:
        """One effect, when it is in another group."""
        if group not in self.groups:
            raise EffectFailed(f"there is no security group {group}")
        if self.group_of(machine) != group:
            self._put(machine, group)

    def remove_security_group(self, group: str) -> None:
        """One effect, when there is one."""
        if group in self.members.values():
            raise EffectFailed(f"security group {group} is in use")
        if group in self.groups:
            self._remove_group(group)

    def led_to(self, eip: str, port: int) -> str | None:
        """What outside clients reach at an EIP: a machine's name or a private address."""
        return self.translated.get((eip, port)) or self.eips_of_machines.get(eip)

    @changes
    def _assign(self, eip: str, machine: str) -> None:
        self.eips_of_machines[eip] = machine

    @changes
    def _release(self, eip: str) -> None:
        del self.eips_of_machines[eip]

    @changes
    def _set_group(self, group: str, rules: tuple[GroupRule, ...]) -> None:
        self.groups[group] = rules

    @changes
    def _put(self, machine: str, group: str) -> None:
        self.members[machine] = group

    @changes
    def _remove_group(self, group: str) -> None:
        del self.groups[group]

    @changes
    def _remove(self, name: str) -> None:
        del self.hosts[name]
        self.members.pop(name, None)

    def _make(self, order: MachineOrder) -> Machine:
        if order.name in self.hosts:
            return self.hosts[order.name].machine
        return self._make_new(order)

    @changes
    def _make_new(self, order: MachineOrder) -> Machine:
        _, broker, generation = order.name.rsplit("-", 2)
        address = order.address or f"198.18.0.{self._next}"
        self._next += int(order.address is None)
        taken = {host.machine.address for host in self.hosts.values()}
        assert address not in taken, f"{order.name}: {address} is taken"
        machine = Machine(
            order.name, int(broker), int(generation), address, order.zone, f"ssh-ed25519 {address}"
        )
        size = MachineSize(order.vcpus, order.memory_gb, order.disk_gb)
        self.hosts[order.name] = FakeHost(machine, size=size)
        return machine


class FakeTunnel:
    """Implements `Tunnel`: who has it may look at the port; nothing is said through it."""

    def __init__(self, host: FakeHost, port: int) -> None:
        self.host = host
        self.port = port

    def talk(self, conversation: Callable[[Stream], T]) -> T:
        """Handshakes of the fake world are not made of bytes."""
        raise NotImplementedError


class FakeHosts(Fake):
    """Implements `Hosts` on the provider's machines."""

    def __init__(self, effects: Effects, provider: FakeProvider) -> None:
        self.effects = effects
        self._hosts = provider.hosts

    def reachable(self, machine: Machine) -> bool:
        """A running machine answers."""
        return machine.name in self._hosts and self._hosts[machine.name].running

    def facts(self, machine: Machine) -> HostFacts:
        """A machine that can carry a broker, unless the test said otherwise."""
        host = self._hosts[machine.name]
        healthy = HostFacts(
            system="Debian 12",
            python="3.11",
            java="17",
            memory_mb=200_000,
            clock_offset_seconds=0.0,
            disk_gb=100_000,
            listening=(),
            resolves_itself=True,
            owner=host.owner,
            foreign_kafka=False,
        )
        return replace(healthy, **host.facts)

    def observe(self, machine: Machine) -> HostState | None:
        """What the machine holds, or None when it does not answer."""
        host = self._hosts.get(machine.name)
        if host is None or not host.running:
            return None
        return HostState(
            owner=host.owner,
            epoch=host.epoch,
            zookeeper=host.zookeeper,
            kafka=host.kafka,
            kafka_started=float(host.kafka_starts) if host.kafka is UnitState.ACTIVE else None,
            started_generation=host.generation,
            distributions=tuple(host.distributions),
            digests=dict(host.files),
            default_gateway="198.18.0.1",
            disk_total_bytes=host.file_system_gb << 30,
        )

    def unpack(self, machine: Machine, distribution: str, tarball: Path, epoch: int) -> None:
        """The distribution is there; nothing happens when it was."""
        if self._hosts[machine.name].distributions.get(distribution) != tarball.name:
            self._unpack(machine, distribution, tarball, epoch)

    @changes
    def deliver(
        self,
        machine: Machine,
        epoch: int,
        files: Iterable[HostFile],
        loaded: Mapping[str, str],
    ) -> tuple[str, ...]:
        """They lie beside the others, and the firewall is loaded where that is asked for."""
        host = self._taken(machine, epoch)
        contents = {file.path: as_variable(file)["content"] for file in files}
        written = [path for path, text in contents.items() if host.contents.get(path) != text]
        host.contents |= contents
        host.files |= {path: _digest(text) for path, text in contents.items()}
        if paths.FIREWALL in loaded.values():
            host.load_firewall(host.contents[paths.FIREWALL])
            host.filters_at_boot = True
        return tuple(written)

    @changes
    def stop_kafka(self, machine: Machine, epoch: int) -> None:
        """It stops at once, unless it does not listen."""
        host = self._taken(machine, epoch)
        if host.kafka is UnitState.ACTIVE and not host.keeps_kafka:
            host.kafka = UnitState.INACTIVE

    @changes
    def start_kafka(self, machine: Machine, epoch: int, generation: int) -> bool:
        """It registers anew at once."""
        return start_kafka(self._taken(machine, epoch), generation)

    @changes
    def finish_kafka(self, machine: Machine, epoch: int) -> tuple[int, ...]:
        """One, as long as it runs."""
        host = self._taken(machine, epoch)
        return (4711,) if host.kafka is UnitState.ACTIVE else ()

    @changes
    def hold(self, machine: Machine, epoch: int, hold: Hold) -> None:
        """The ports are closed."""
        host = self._taken(machine, epoch)
        if hold.way == HELD:
            host.held = hold.ports
        else:
            host.muted = hold.ports

    @changes
    def let_in(self, machine: Machine, epoch: int, table: str, way: str = HELD) -> None:
        """No port is closed in this way."""
        host = self._taken(machine, epoch)
        if way == HELD:
            host.held = ()
        else:
            host.muted = ()

    def ways(self, machine: Machine, table: str) -> HostWays:
        """What its kernel filters, and what its broker would start with."""
        host = self._hosts[machine.name]
        host.demand_answer()
        lines = host.contents.get(paths.SERVER_PROPERTIES, "").splitlines()
        pairs = (line.partition("=") for line in lines)
        file = {key: value for key, _, value in pairs if key in FILE_KEYS}
        return HostWays(filtered(host.firewall), file)

    @changes
    def load_firewall(self, machine: Machine, epoch: int) -> None:
        """The file is loaded."""
        host = self._taken(machine, epoch)
        host.firewall = host.loaded = host.contents[paths.FIREWALL]

    def partition_bytes(self, machine: Machine, partitions: Sequence[str]) -> tuple[int, ...]:
        """All are empty."""
        self._hosts[machine.name].demand_answer()
        return tuple(0 for _ in partitions)

    def _taken(self, machine: Machine, epoch: int) -> FakeHost:
        host = self._hosts[machine.name]
        host.take(_owner(machine), epoch)
        return host

    def clients(self, machine: Machine) -> tuple[SeenClient, ...]:
        """Those that the test said, if the broker runs."""
        host = self._hosts[machine.name]
        host.demand_answer()
        if host.kafka is not UnitState.ACTIVE:
            raise EffectFailed(f"{machine.name}: the broker does not tell its clients")
        return host.clients

    def tunnel(self, machine: Machine, port: int) -> FakeTunnel:
        """As on a host that the test has not cut off."""
        return FakeTunnel(self._hosts[machine.name], port)

    def logs(self, machine: Machine, unit: str, since: str, follow: bool) -> Iterator[str]:
        """One line."""
        yield f"{machine.name} {unit}"

    @changes
    def _unpack(self, machine: Machine, distribution: str, tarball: Path, epoch: int) -> None:
        host = self._hosts[machine.name]
        host.demand_answer()
        if epoch < host.epoch:
            raise EffectFailed(f"{machine.name}: epoch {epoch} is below {host.epoch}")
        host.distributions[distribution] = tarball.name


class FakeBoots(Fake):
    """Implements `Boots` on the provider's machines."""

    def __init__(self, effects: Effects, provider: FakeProvider) -> None:
        self.effects = effects
        self._hosts = provider.hosts

    def look(self, machine: Machine) -> AtBoot:
        """What lies in its file, and whether that is loaded."""
        host = self._hosts[machine.name]
        host.demand_answer()
        text = host.contents.get(paths.FIREWALL)
        return AtBoot("" if text is None else _digest(text), host.filters_at_boot)


class FakeAnsible(Fake):
    """Implements `Ansible` by doing what the playbooks say; one effect for each machine."""

    def __init__(self, effects: Effects, provider: FakeProvider) -> None:
        self.effects = effects
        self._hosts = provider.hosts
        self.shown: list[str] = []

    def play(self, play: Play) -> PlayResult:
        """Each machine in turn, as the playbook's name says."""
        self.shown.append(repr(play.variables))
        verbs = {
            "deliver.yml": self._deliver,
            "deliver_users.yml": self._deliver_users,
            "start_broker.yml": self._start_broker,
            "stop_broker.yml": self._stop_broker,
            "grow_disk.yml": self._grow_disk,
            "clean_host.yml": self._clean,
        }
        return PlayResult(
            {machine.name: verbs[play.playbook](play, machine) for machine in play.machines}
        )

    @changes
    def _deliver(self, play: Play, machine: Machine) -> int:
        host, variables = self._hosts[machine.name], play.variables[machine.name]
        host.take(_owner(machine), play.epoch)
        files = [*variables["host_files"], *play.secrets[machine.name]["host_secret_files"]]
        delivered = {each["path"]: _digest(each["content"]) for each in files}
        changed = host.files != delivered
        host.files = delivered
        host.contents = {each["path"]: each["content"] for each in files}
        host.load_firewall(host.contents.get(paths.FIREWALL, ""))
        host.filters_at_boot |= paths.FIREWALL_UNIT in variables.get("host_units", ())
        host.file_system_gb = host.file_system_gb or host.size.disk_gb
        if paths.ZOOKEEPER_UNIT in variables["host_started_units"]:
            _demand(host, "zookeeper-", paths.ZOO_CFG, paths.ZOOKEEPER_JAAS)
            host.zookeeper = UnitState.ACTIVE
        return int(changed)

    @changes
    def _deliver_users(self, play: Play, machine: Machine) -> int:
        host = self._hosts[machine.name]
        host.take(_owner(machine), play.epoch)
        files = play.secrets[machine.name]["host_secret_files"]
        before = dict(host.contents)
        host.contents |= {each["path"]: each["content"] for each in files}
        host.files |= {each["path"]: _digest(each["content"]) for each in files}
        return int(before != host.contents)

    @changes
    def _start_broker(self, play: Play, machine: Machine) -> int:
        host = self._hosts[machine.name]
        host.take(_owner(machine), play.epoch)
        _demand(host, "kafka-", paths.SERVER_PROPERTIES, paths.KAFKA_JAAS, paths.FIREWALL)
        return int(start_kafka(host, play.variables[machine.name]["host_start_generation"]))

    @changes
    def _grow_disk(self, play: Play, machine: Machine) -> int:
        host = self._hosts[machine.name]
        host.take(_owner(machine), play.epoch)
        grown = host.file_system_gb < host.size.disk_gb
        host.file_system_gb = host.size.disk_gb
        return int(grown)

    @changes
    def _stop_broker(self, play: Play, machine: Machine) -> int:
        host = self._hosts[machine.name]
        host.take(_owner(machine), play.epoch)
        stopped = host.kafka is UnitState.ACTIVE
        host.kafka = UnitState.INACTIVE if stopped else host.kafka
        return int(stopped)

    @changes
    def _clean(self, play: Play, machine: Machine) -> int:
        host = self._hosts[machine.name]
        host.demand_answer()
        if host.owner is None:
            return 0
        host.take(_owner(machine), play.epoch)
        self._hosts[machine.name] = FakeHost(machine)
        return 1


def start_kafka(host: FakeHost, generation: int) -> bool:
    """The broker runs; a start is noted with its generation."""
    if host.kafka is UnitState.ACTIVE:
        return False
    _demand(host, "kafka-", paths.SERVER_PROPERTIES, paths.KAFKA_JAAS, paths.FIREWALL)
    host.kafka, host.generation = UnitState.ACTIVE, generation
    host.started_with = host.contents[paths.SERVER_PROPERTIES]
    host.read = dict(host.contents)
    host.kafka_starts += 1
    return True


def _owner(machine: Machine) -> str:
    return machine.name.rsplit("-", 2)[0]


def _demand(host: FakeHost, distribution: str, *files: str) -> None:
    if not any(name.startswith(distribution) for name in host.distributions):
        raise EffectFailed(f"{host.machine.name}: no distribution {distribution}*")
    missing = [path for path in files if path not in host.files]
    if missing:
        raise EffectFailed(f"{host.machine.name}: missing {missing}")


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
