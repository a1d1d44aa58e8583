"""The lab: a small cloud on this one host, made of machines, a router and clients.

This is the table of contents; how each verb is done stands in the module it calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from inventories.lab import cloud, faults, lifecycle, machines
from inventories.lab.addresses import DEFAULT_NETWORK, AddressPlan
from inventories.lab.errors import LabRefused
from inventories.lab.model import (
    DEFAULT_GROUP,
    NAME,
    Client,
    ClientNetwork,
    Factor,
    Machine,
    MachineRecord,
    MachineSpec,
    Room,
    Rule,
    Status,
)
from inventories.lab.room import room
from inventories.lab.site import Site, site_of, site_that_is_up
from inventories.lab.state import LabFiles, LabRecord, read

ROOT = Path("/var/lib/kafka-fleet")
CACHE = Path("/var/cache/kafka-fleet")


@dataclass(frozen=True)
class Lab:
    """A lab by name. Every call is idempotent, and safe from several threads and processes.

    `network` and `factor` are taken at the first `up` and stay until `destroy`.
    Errors are `LabRefused` (nothing was changed) and `LabError`, one sentence each.
    """

    name: str
    root: Path = ROOT
    cache: Path = CACHE
    network: str = DEFAULT_NETWORK
    factor: Factor = field(default_factory=Factor)
    zones: tuple[str, ...] = ("lab-1", "lab-2", "lab-3")
    say: Callable[[str], None] = lambda sentence: None

    network_name = "lab"
    subnet_name = "lab-lan"
    security_group_name = DEFAULT_GROUP

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise LabRefused(
                f"lab name {self.name!r} must be 1-48 lower-case letters, digits or hyphens, "
                "with a letter or digit at both ends"
            )

    # The lab as a whole

    def up(self) -> None:
        """The lab is there, and machines that ran when it went down run; remains are gone.

        `MachinesDown` when the lab is there, but not every machine.
        """
        lifecycle.up(self._files, self.network, self.factor, self.cache, self.say)
        machines.start_wanted(self._up)

    def down(self) -> None:
        """Nothing of the lab is left in the kernel: process, mount, device, namespace, cgroup.

        Its files remain, and the host answers 'unreachable' for its addresses until `destroy`.
        """
        lifecycle.down(self._files)

    def destroy(self) -> None:
        """The lab is gone, its files, machines and addresses included."""
        lifecycle.destroy(self._files)

    def exists(self) -> bool:
        """Whether the lab was ever up and not destroyed since."""
        return read(self._files.record, LabRecord) is not None

    def status(self) -> Status:
        """The lab at a glance; `LabError` when it does not exist."""
        site = self._site
        return Status(
            name=self.name,
            up=self._files.is_up(),
            gateway=site.plan.gateway,
            host=site.plan.host,
            factor=site.factor,
            machines=self.machines(),
            **site.plan.model_dump(),
        )

    @property
    def plan(self) -> AddressPlan:
        """The lab's addresses; `LabError` before its first `up`."""
        return self._site.plan

    def room(self) -> Room:
        """What further machines may have, in nominal sizes and in the host's own."""
        return room(self._files, self._site.factor if self.exists() else self.factor)

    # Machines

    def create_machine(self, spec: MachineSpec) -> Machine:
        """The machine exists, runs and answers SSH; an existing one is only started.

        `LabRefused` when a machine of that name has another specification.
        """
        return self.create_machines([spec])[0]

    def create_machines(self, specs: Iterable[MachineSpec]) -> tuple[Machine, ...]:
        """The machines exist, run and answer SSH: addresses in the order given, boots at once."""
        wanted = list(specs)
        for spec in wanted:
            if spec.zone not in self.zones:
                raise LabRefused(f"zone {spec.zone!r} must be one of {', '.join(self.zones)}")
        return machines.create(self._up, wanted)

    def show(self, name: str) -> Machine | None:
        """The machine as it is now, or None when the lab has none of that name."""
        record = read(self._files.machine(name).record, MachineRecord)
        return self._site.picture(record, self._files.read_cloud()) if record else None

    def machines(self) -> tuple[Machine, ...]:
        """Every machine of the lab, by name."""
        site, state = self._site, self._files.read_cloud()
        return tuple(site.picture(record, state) for record in self._files.machine_records())

    def start(self, name: str) -> Machine:
        """The machine runs and answers SSH."""
        return machines.start(self._up, name)

    def stop(self, name: str) -> None:
        """The machine has shut down in order, within 240 s."""
        machines.stop(self._site, name)

    def reboot(self, name: str) -> Machine:
        """The machine has shut down in order, booted anew and answers SSH."""
        self.stop(name)
        return self.start(name)

    def resize(self, name: str, vcpus: int, memory_mb: int) -> Machine:
        """The machine has this nominal size, a running one at once.

        `LabError`, with nothing changed, when more memory is in use than the new size allows.
        """
        return machines.resize(self._site, name, vcpus, memory_mb)

    def grow_disk(self, name: str, gb: int) -> Machine:
        """The data disk has this size at once; its file system is the machine's to grow."""
        return machines.grow_disk(self._site, name, gb)

    def remove(self, name: str) -> None:
        """The machine is gone, with its disk, link, files and whatever the cloud gave it."""
        if self.exists():
            machines.remove(self._site, name)

    # Cloud

    def assign_eip(self, eip: IPv4Address, machine: str) -> None:
        """Outside clients reach the machine at the EIP; it ends at the gateway if that owns it."""
        cloud.assign_eip(self._site, eip, machine)

    def release_eip(self, eip: IPv4Address) -> None:
        """The EIP leads nowhere, and connections through it have ended."""
        cloud.release_eip(self._site, eip)

    def eips(self) -> dict[IPv4Address, str]:
        """The name of the machine behind each assigned EIP."""
        return cloud.owners(self._site, "eips")

    def assign_endpoint(self, address: IPv4Address, machine: str) -> None:
        """VPC clients reach the machine at this endpoint address."""
        cloud.assign_endpoint(self._site, address, machine)

    def release_endpoint(self, address: IPv4Address) -> None:
        """The endpoint address leads nowhere, and connections through it have ended."""
        cloud.release_endpoint(self._site, address)

    def endpoints(self) -> dict[IPv4Address, str]:
        """The name of the machine behind each assigned endpoint address."""
        return cloud.owners(self._site, "endpoints")

    def set_security_group(self, group: str, rules: Iterable[Rule]) -> None:
        """The group allows exactly these connections to its machines; SSH stays the host's."""
        cloud.set_security_group(self._site, group, tuple(rules))

    def remove_security_group(self, group: str) -> None:
        """The group is gone; refused while a machine is in it."""
        cloud.remove_security_group(self._site, group)

    def security_groups(self) -> dict[str, tuple[Rule, ...]]:
        """The rules of every security group."""
        return cloud.security_groups(self._site)

    def put_in_group(self, machine: str, group: str) -> None:
        """The machine is in this security group and in no other."""
        cloud.put_in_group(self._site, machine, group)

    def client(self, where: ClientNetwork) -> Client:
        """A client's place in a network: its namespace and its address."""
        plan = self.plan
        address = {"lan": plan.lan_client, "outside": plan.outside[10], "vpc": plan.vpc[10]}[where]
        return Client(network=where, netns=plan.client_netns(where), address=address)

    # Faults

    def lose_power(self) -> None:
        """The host went dark: all machines dead at once, network gone; `up` brings them back.

        What is not shown: page caches that are lost with a real host's memory.
        """
        lifecycle.lose_power(self._files)

    def crash(self, name: str) -> None:
        """The machine is dead at once, as after a power loss; `start` brings it back."""
        faults.crash(self._site, name)

    def freeze(self, name: str) -> None:
        """No process of the machine runs, yet its kernel answers: a hang, until `thaw`."""
        faults.freeze(self._site, name)

    def thaw(self, name: str) -> None:
        """The machine's processes run on."""
        faults.thaw(self._site, name)

    def cut(self, name: str) -> None:
        """Nothing reaches the machine and nothing leaves it, until `heal`."""
        cloud.cut(self._site, name)

    def partition(self, one: str, other: str) -> None:
        """The two machines do not reach each other, until `heal`."""
        cloud.partition(self._site, one, other)

    def heal(self, *names: str) -> None:
        """No cut or partition concerns the machines any more; without names, none at all."""
        cloud.heal(self._site, *names)

    def fill(self, name: str, percent: int) -> None:
        """The machine's mounted data disk is full to at least this share, until `unfill`."""
        faults.fill(self._site, name, percent)

    def unfill(self, name: str) -> None:
        """What `fill` took is free again."""
        faults.unfill(self._site, name)

    def slow(self, name: str, mbit: int) -> None:
        """The machine's link carries at most this rate each way, until `unslow` or `down`."""
        faults.slow(self._site, name, mbit)

    def unslow(self, name: str) -> None:
        """The machine's link is as fast as the host."""
        faults.unslow(self._site, name)

    @property
    def _files(self) -> LabFiles:
        return LabFiles(self.root, self.name)

    @property
    def _site(self) -> Site:
        return site_of(self._files)

    @property
    def _up(self) -> Site:
        return site_that_is_up(self._files)
