"""The lab: a small cloud on this one host, made of machines, a router and clients."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TypeVar

from inventories.lab import cgroups, cloud, disks, machine, mounts, network
from inventories.lab.addresses import (
    DEFAULT_NETWORK,
    AddressPlan,
    address_plan,
    collision,
    slots,
)
from inventories.lab.cloud import Cloud
from inventories.lab.commands import run, wait_for
from inventories.lab.errors import LabError, LabRefused
from inventories.lab.image import ensure_image
from inventories.lab.machine import Body
from inventories.lab.model import (
    NAME,
    Client,
    ClientNetwork,
    Factor,
    Machine,
    MachineRecord,
    MachineSpec,
    Status,
)
from inventories.lab.state import LabFiles, LabRecord, locked, read, write

Item = TypeVar("Item")
Result = TypeVar("Result")

ROOT = Path("/var/lib/kafka-fleet")
CACHE = Path("/var/cache/kafka-fleet")
ZONES = ("lab-1", "lab-2", "lab-3")


class Lab:
    """A lab by name. Every call is idempotent, and safe from several threads and processes."""

    def __init__(
        self,
        name: str,
        root: Path = ROOT,
        cache: Path = CACHE,
        network: str = DEFAULT_NETWORK,
        factor: Factor | None = None,
        zones: tuple[str, ...] = ZONES,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        if not NAME.fullmatch(name):
            raise LabRefused(
                f"lab name {name!r} must be 1-48 lower-case letters, digits or hyphens"
            )
        self.name = name
        self.zones = zones
        self._files = LabFiles(root, name)
        self._cache = cache
        self._network = network
        self._factor = factor or Factor()
        self._say = say

    # The lab as a whole

    def up(self) -> None:
        """The lab is there: image, router, clients, cloud; machines that were running run."""
        with locked(self._files.labs / f".{self.name}.lock"):
            if self._files.is_up():
                return
            self._clear()
            image = ensure_image(self._cache, self._say)
            self._take_slot()
            self._mount_image(image)
            self._start_lxcfs()
            network.up(self.plan)
            cloud.apply(self.plan, self._files.read_cloud())
            self._files.mark_up()
        wanted = [r for r in self._files.machine_records() if r.wanted == "running"]
        self._each(lambda record: self.start(record.spec.name), wanted)

    def down(self) -> None:
        """Nothing of the lab is left in the kernel: no process, mount, device, netns, cgroup.

        Its files remain, and the host still answers 'unreachable' for its addresses.
        """
        with locked(self._files.labs / f".{self.name}.lock"):
            self._clear()

    def destroy(self) -> None:
        """The lab is gone, its files, machines and addresses included."""
        with locked(self._files.labs / f".{self.name}.lock"):
            self._clear()
            if self._record():
                network.unguard(self.plan)
            mounted = mounts.below(self._files.directory)
            if mounted:
                raise LabError(f"lab {self.name} is not erased: {mounted[0]} is still mounted")
            if self._files.directory.exists():
                shutil.rmtree(self._files.directory)
            self.__dict__.pop("plan", None)
        (self._files.labs / f".{self.name}.lock").unlink(missing_ok=True)

    def status(self) -> Status:
        """The lab at a glance; `LabError` when it was never up."""
        plan = self.plan
        return Status(
            name=self.name,
            up=self._files.is_up(),
            slot=plan.slot,
            lan=plan.lan,
            eips=plan.eips,
            outside=plan.outside,
            vpc=plan.vpc,
            endpoints=plan.endpoints,
            gateway=plan.gateway,
            host=plan.host,
            factor=self.factor,
            machines=self.machines(),
        )

    @cached_property
    def plan(self) -> AddressPlan:
        """The lab's addresses, fixed from its first `up` until it is destroyed."""
        record = self._record()
        if record is None:
            raise LabError(f"lab {self.name} has no addresses yet: bring it up first")
        return address_plan(record.network, record.slot)

    @property
    def factor(self) -> Factor:
        record = self._record()
        return record.factor if record else self._factor

    # Machines

    def create_machine(self, spec: MachineSpec) -> Machine:
        """The machine exists, runs and answers SSH; an existing one is only started.

        `LabRefused` when a machine of that name has another specification.
        """
        return self.create_machines([spec])[0]

    def create_machines(self, specs: Iterable[MachineSpec]) -> tuple[Machine, ...]:
        """The machines exist, run and answer SSH: addresses in the order given, boots at once."""
        self._require_up()
        names = [self._put_on_file(spec) for spec in specs]
        return tuple(self._each(self.start, names))

    def show(self, name: str) -> Machine | None:
        """The machine as it is now, or None when the lab has none of that name."""
        record = read(self._files.machine(name).record, MachineRecord)
        return self._picture(record, self._files.read_cloud()) if record else None

    def machines(self) -> tuple[Machine, ...]:
        """Every machine of the lab, by name."""
        state = self._files.read_cloud()
        return tuple(self._picture(record, state) for record in self._files.machine_records())

    def start(self, name: str) -> Machine:
        """The machine runs and answers SSH."""
        self._require_up()
        files = self._files.machine(name)
        with locked(files.lock):
            record = self._wish(name, "running")
            body = self._body(record)
            if not body.running():
                if record.spec.place == "lan":
                    network.attach_machine(self.plan, name, record.address)
                limits = self._limits(record)
                machine.boot(body, self._files.image, self._files.lxcfs, limits, record)
        if not body.cgroups.frozen(body.cgroup):
            machine.wait_for_ssh(name, record.address)
        return self._picture(record, self._files.read_cloud())

    def stop(self, name: str) -> None:
        """The machine has shut down in order."""
        with locked(self._files.machine(name).lock):
            machine.power_off(self._body(self._wish(name, "stopped")))

    def reboot(self, name: str) -> Machine:
        """The machine has shut down in order, booted anew and answers SSH."""
        self.stop(name)
        return self.start(name)

    def remove(self, name: str) -> None:
        """The machine is gone, with its disk, link and files."""
        files = self._files.machine(name)
        record = read(files.record, MachineRecord)
        if record is None:
            return
        with locked(files.lock):
            body = self._body(record)
            machine.kill(body)
            network.detach_machine(self.plan, name)
            machine.erase(body)

    def crash(self, name: str) -> None:
        """The machine is dead from one moment to the next, as after a power loss."""
        with locked(self._files.machine(name).lock):
            machine.kill(self._body(self._known(name)))

    # Places to connect from

    def client(self, where: ClientNetwork) -> Client:
        """A client's place in a network: its namespace and its address."""
        plan = self.plan
        address = {"lan": plan.lan_client, "outside": plan.outside[10], "vpc": plan.vpc[10]}[where]
        return Client(network=where, netns=plan.client_netns(where), address=address)

    # How it is done

    def _record(self) -> LabRecord | None:
        return read(self._files.record, LabRecord)

    def _require_up(self) -> None:
        if not self._files.is_up():
            raise LabError(f"lab {self.name} is down: bring it up first")

    def _take_slot(self) -> None:
        """Take the lowest slot that is free; a lab keeps its slot until it is destroyed."""
        if self._record():
            return
        with locked(self._files.labs / ".slots.lock"):
            taken = {record.slot for record in self._files.labs_beside().values()}
            reasons = []
            for slot in range(slots(IPv4Network(self._network))):
                if slot in taken:
                    reasons.append(f"slot {slot} belongs to another lab")
                    continue
                plan = address_plan(self._network, slot)
                reason = collision(plan, network.host_routes(), network.host_resolvers())
                if reason is None:
                    record = LabRecord(slot=slot, network=self._network, factor=self._factor)
                    write(self._files.record, record)
                    return
                reasons.append(reason)
        raise LabRefused(
            f"network {self._network} has no free slot for lab {self.name}: "
            f"{reasons[0] if reasons else 'it is smaller than /20'}"
        )

    def _mount_image(self, image: Path) -> None:
        self._files.image.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "squashfs", "-o", "loop,ro", str(image), str(self._files.image))

    def _start_lxcfs(self) -> None:
        """Files that tell each machine its own memory and CPUs; one process per lab."""
        self._files.lxcfs.mkdir(exist_ok=True)
        argv = ("-f", "-l", "--enable-cfs", "-p", str(self._files.lxcfs_pid))
        with (self._files.directory / "lxcfs.log").open("wb") as log:
            subprocess.Popen(
                ["setsid", "--fork", "lxcfs", *argv, str(self._files.lxcfs)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            ).wait()
        wait_for(
            lambda: (self._files.lxcfs / "proc/meminfo").exists(),
            "lxcfs did not come up",
            limit=10,
        )

    def _clear(self) -> None:
        """Remove everything of the lab from the kernel, whatever state it is in."""
        self._files.up.unlink(missing_ok=True)
        if self._record() is None:
            return
        groups = cgroups.detect()
        groups.kill(self.plan.prefix)
        for netns in network.namespaces(self.plan):
            for pid in run("ip", "netns", "pids", netns).split():
                os.kill(int(pid), 9)
        self._stop_lxcfs()
        mounts.unmount_below(self._files.directory)
        for file, device in disks.devices().items():
            if self._files.directory in file.parents:
                run("losetup", "-d", device)
        network.down(self.plan)
        groups.remove(self.plan.prefix)
        for left in Path("/run/systemd/nspawn/propagate").glob(f"{self.plan.prefix}-*"):
            left.rmdir()

    def _stop_lxcfs(self) -> None:
        pid = self._lxcfs_process()
        if pid:
            os.kill(pid, 15)
            wait_for(lambda: self._lxcfs_process() is None, "lxcfs did not end", limit=10)
        self._files.lxcfs_pid.unlink(missing_ok=True)

    def _lxcfs_process(self) -> int | None:
        """The lab's lxcfs, recognised by its mount point; a process number alone may be reused."""
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if words[0].endswith("lxcfs") and str(self._files.lxcfs) in words:
                return int(entry.parent.name)
        return None

    def _put_on_file(self, spec: MachineSpec) -> str:
        files = self._files.machine(spec.name)
        with locked(files.lock):
            record = read(files.record, MachineRecord) or self._new_record(spec)
            if record.spec.model_copy(update={"address": spec.address}) != spec:
                raise LabRefused(
                    f"machine {spec.name} exists with another specification: {record.spec!r}"
                )
            machine.create(files, record)
        return spec.name

    def _new_record(self, spec: MachineSpec) -> MachineRecord:
        if spec.zone not in self.zones:
            raise LabRefused(f"zone {spec.zone!r} must be one of {', '.join(self.zones)}")
        files = self._files.machine(spec.name)
        key = machine.host_key(files)
        with locked(self._files.directory / ".addresses.lock"):
            record = MachineRecord(spec=spec, address=self._address_for(spec), host_key=key)
            write(files.record, record)
        return record

    def _address_for(self, spec: MachineSpec) -> IPv4Address:
        plan = self.plan
        places = {"gateway": plan.gateway, "outside": plan.outside[10], "vpc": plan.vpc[10]}
        taken = {r.address: r.spec.name for r in self._files.machine_records()}
        if spec.place == "lan" and spec.address is None:
            free = next((a for a in plan.machines if a not in taken), None)
            if free is None:
                raise LabRefused(f"lab {self.name} has no free address in {plan.lan}")
            return free
        address = spec.address or places[spec.place]
        if spec.place == "lan" and address not in plan.machines:
            raise LabRefused(
                f"address {address} of machine {spec.name} must lie between "
                f"{plan.machines[0]} and {plan.machines[-1]}"
            )
        if address in taken:
            raise LabRefused(f"address {address} belongs to machine {taken[address]}")
        return address

    def _known(self, name: str) -> MachineRecord:
        record = read(self._files.machine(name).record, MachineRecord)
        if record is None:
            raise LabRefused(f"lab {self.name} has no machine {name}")
        return record

    def _wish(self, name: str, wanted: str) -> MachineRecord:
        record = self._known(name).model_copy(update={"wanted": wanted})
        write(self._files.machine(name).record, record)
        return record

    def _body(self, record: MachineRecord) -> Body:
        name, plan = record.spec.name, self.plan
        netns = {
            "lan": plan.machine_netns(name),
            "gateway": plan.router_netns,
            "outside": plan.client_netns("outside"),
            "vpc": plan.client_netns("vpc"),
        }[record.spec.place]
        cgroup = f"{plan.prefix}/{name}"
        return Body(self._files.machine(name), name, netns, cgroup, cgroups.detect())

    def _limits(self, record: MachineRecord) -> cgroups.Limits:
        cores = sorted(os.sched_getaffinity(0))
        first = record.address.packed[3]
        count = min(record.spec.vcpus, len(cores))
        cpus = sorted(cores[(first + n) % len(cores)] for n in range(count))
        memory = int(record.spec.memory_mb * self.factor.memory) << 20
        return cgroups.Limits(memory_bytes=memory, cpus=tuple(cpus))

    def _picture(self, record: MachineRecord, state: Cloud) -> Machine:
        body, spec, limits = self._body(record), record.spec, self._limits(record)
        return Machine(
            name=spec.name,
            address=record.address,
            zone=spec.zone,
            vcpus=spec.vcpus,
            memory_mb=spec.memory_mb,
            disk_gb=spec.disk_gb,
            hostname=spec.hostname or spec.name,
            host_key=record.host_key,
            running=body.running(),
            frozen=body.cgroups.frozen(body.cgroup),
            place=spec.place,
            security_group=state.group_of(record.address),
            effective_vcpus=len(limits.cpus),
            effective_memory_mb=limits.memory_bytes >> 20,
        )

    @staticmethod
    def _each(act: Callable[[Item], Result], items: list[Item]) -> list[Result]:
        """The results in order; every call has ended when the first error is raised."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            return list(pool.map(act, items))
