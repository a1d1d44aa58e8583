"""One lab seen by its verbs: its files, addresses and cgroups, and its machines by name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from inventories.lab.addresses import AddressPlan, address_plan
from inventories.lab.cgroups import Cgroups, Limits, detect
from inventories.lab.errors import LabError, LabRefused
from inventories.lab.guest import Guest
from inventories.lab.model import Factor, Machine, MachineRecord, Place
from inventories.lab.ruleset import Cloud
from inventories.lab.state import LabFiles, LabRecord, read, write


@dataclass(frozen=True)
class Site:
    """What every verb needs; made anew for each call, so nothing in it is stale."""

    files: LabFiles
    plan: AddressPlan
    factor: Factor
    cgroups: Cgroups

    def known(self, name: str) -> MachineRecord:
        """The machine's record; `LabRefused` when there is none."""
        record = read(self.files.machine(name).record, MachineRecord)
        if record is None:
            raise LabRefused(f"lab {self.files.name} has no machine {name}")
        return record

    def wish(self, name: str, wanted: Literal["running", "stopped"]) -> MachineRecord:
        """The machine's record, which now says what shall be after the next `up`."""
        known = self.known(name)
        record = known.model_copy(update={"wanted": wanted})
        if record != known:
            write(self.files.machine(name).record, record)
        return record

    def guest(self, record: MachineRecord) -> Guest:
        """The kernel's side of the machine."""
        name = record.spec.name
        return Guest(
            files=self.files.machine(name),
            name=name,
            netns=self.netns(record),
            cgroup=f"{self.plan.prefix}/{name}",
            cgroups=self.cgroups,
        )

    def netns(self, record: MachineRecord) -> str:
        place = record.spec.place
        if place == "gateway":
            return self.plan.router_netns
        if place == "lan":
            return self.plan.machine_netns(record.spec.name)
        return self.plan.client_netns(place)

    def address_of(self, place: Place) -> IPv4Address:
        """The address that comes with a place outside the LAN's machines."""
        plan = self.plan
        return {"gateway": plan.gateway, "outside": plan.outside[10], "vpc": plan.vpc[10]}[place]

    def limits(self, record: MachineRecord) -> Limits:
        """What the lab gives the machine: all its CPUs as far as the host has them, and its
        memory scaled by the lab's factor. Machines with fewer CPUs than the host are spread."""
        cores = sorted(os.sched_getaffinity(0))
        first = record.address.packed[3]
        count = min(record.spec.vcpus, len(cores))
        return Limits(
            memory_bytes=int(record.spec.memory_mb * self.factor.memory) << 20,
            cpus=tuple(sorted(cores[(first + n) % len(cores)] for n in range(count))),
        )

    def picture(self, record: MachineRecord, cloud: Cloud) -> Machine:
        """The machine as it is now."""
        guest, spec, limits = self.guest(record), record.spec, self.limits(record)
        return Machine(
            name=spec.name,
            address=record.address,
            zone=spec.zone,
            vcpus=spec.vcpus,
            memory_mb=spec.memory_mb,
            disk_gb=spec.disk_gb,
            hostname=spec.hostname or spec.name,
            host_key=record.host_key,
            running=guest.running(),
            frozen=guest.frozen(),
            place=spec.place,
            security_group=cloud.group_of(record.address),
            effective_vcpus=len(limits.cpus),
            effective_memory_mb=limits.memory_bytes >> 20,
        )


def site_of(files: LabFiles) -> Site:
    """The lab of these files; `LabError` when it was never up."""
    record = read(files.record, LabRecord)
    if record is None:
        raise LabError(f"lab {files.name} has no addresses yet: bring it up first")
    plan = address_plan(record.network, record.slot)
    return Site(files=files, plan=plan, factor=record.factor, cgroups=detect())


def site_that_is_up(files: LabFiles) -> Site:
    """The lab of these files; `LabError` when it is down."""
    if not files.is_up():
        raise LabError(f"lab {files.name} is down: bring it up first")
    return site_of(files)
