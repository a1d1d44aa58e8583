"""The verbs of machines by name: make, start, stop, resize, grow, remove."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from typing import TypeVar

from inventories.lab import cloud, disks, guest, identity, mounts, network
from inventories.lab.cgroups import Limits
from inventories.lab.errors import LabError, LabRefused, MachinesDown
from inventories.lab.model import Machine, MachineRecord, MachineSpec
from inventories.lab.site import Site
from inventories.lab.state import locked, read, write

Item = TypeVar("Item")
Result = TypeVar("Result")


def create(site: Site, specs: Iterable[MachineSpec]) -> tuple[Machine, ...]:
    """The machines exist, run and answer SSH: addresses in the order given, boots at once."""
    names = [_put_on_file(site, spec) for spec in specs]
    return tuple(side_by_side(lambda name: start(site, name), names))


def start(site: Site, name: str) -> Machine:
    """The machine runs and answers SSH; a frozen one is left frozen."""
    with locked(site.files.machine(name).lock):
        record = site.wish(name, "running")
        machine = site.guest(record)
        if not machine.running():
            if record.spec.place == "lan":
                network.attach_machine(site.plan, name, record.address)
            guest.boot(machine, site.files, site.limits(record), record)
    if not machine.frozen():
        guest.wait_for_ssh(name, record.address)
    return site.picture(record, site.files.read_cloud())


def start_wanted(site: Site) -> None:
    """Every machine that ran when the lab went down, or lost its nspawn, runs again.

    `MachinesDown` names those that do not, once all others do.
    """
    wanted = [record for record in site.files.machine_records() if record.wanted == "running"]
    lines = side_by_side(lambda record: _why_not_started(site, record), wanted)
    reasons = [line for line in lines if line]
    if reasons:
        raise MachinesDown("; ".join(reasons))


def stop(site: Site, name: str) -> None:
    """The machine has shut down in order."""
    with locked(site.files.machine(name).lock):
        record = site.wish(name, "stopped")
        guest.power_off(site.guest(record))
        cloud.gateway_went_down(site, record.address)


def remove(site: Site, name: str) -> None:
    """The machine is gone, with its disk, link, files and whatever the cloud gave it."""
    files = site.files.machine(name)
    if not files.directory.exists():
        return
    with locked(files.lock):
        if read(files.record, MachineRecord) is None:
            mounts.erase(files.directory)  # a creation was killed before anything else was made
            return
        # A removal that is cut off leaves half a machine, which must not be started.
        record = site.wish(name, "stopped")
        guest.kill(site.guest(record))
        cloud.forget_machine(site, record.address)
        network.detach_machine(site.plan, name)
        guest.erase(site.guest(record))


def resize(site: Site, name: str, vcpus: int, memory_mb: int) -> Machine:
    """The machine has this size; a running one at once, though its processes may not notice.

    `LabError` when more memory is in use than the new size allows; then nothing has changed.
    """
    with locked(site.files.machine(name).lock):
        record = _changed(site.known(name), vcpus=vcpus, memory_mb=memory_mb)
        machine = site.guest(record)
        if machine.running():
            _limit(machine, site.limits(record))
        write(site.files.machine(name).record, record)
    return site.picture(record, site.files.read_cloud())


def grow_disk(site: Site, name: str, gb: int) -> Machine:
    """The data disk has this size, at once; its file system is the machine's to grow."""
    files = site.files.machine(name)
    with locked(files.lock):
        record = site.known(name)
        disks.grow(files.disk, gb)
        record = _changed(record, disk_gb=gb)
        write(files.record, record)
    return site.picture(record, site.files.read_cloud())


def side_by_side(act: Callable[[Item], Result], items: list[Item]) -> list[Result]:
    """The results in order; every call has ended before the first error is raised."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(act, items))


def _why_not_started(site: Site, record: MachineRecord) -> str:
    """Empty once the machine runs, also when its creation was cut off before its disk was made."""
    name = record.spec.name
    try:
        guest.create(site.files.machine(name), record.spec.disk_gb)
        start(site, name)
    except (LabError, OSError) as error:
        return f"machine {name}: {error}"
    return ""


def _put_on_file(site: Site, spec: MachineSpec) -> str:
    files = site.files.machine(spec.name)
    with locked(files.lock):
        record = read(files.record, MachineRecord)
        if record is None:
            record = _new_record(site, spec)
        _refuse_other_spec(record, spec)
        guest.create(files, spec.disk_gb)
    return spec.name


def _new_record(site: Site, spec: MachineSpec) -> MachineRecord:
    with locked(site.files.address_lock):
        address = _address_for(site, spec)
        key = identity.host_key(site.files.machine(spec.name))
        record = MachineRecord(spec=spec, address=address, host_key=key)
        write(site.files.machine(spec.name).record, record)
    return record


def _refuse_other_spec(record: MachineRecord, spec: MachineSpec) -> None:
    """A name stands for one specification. An address that was left open fits every address."""
    present = record.spec.model_copy(update={"address": record.address})
    asked = spec if spec.address else spec.model_copy(update={"address": record.address})
    for field in MachineSpec.model_fields:
        has, wants = getattr(present, field), getattr(asked, field)
        if has != wants:
            raise LabRefused(f"machine {spec.name} exists with {field} {has}, not {wants}")


def _address_for(site: Site, spec: MachineSpec) -> IPv4Address:
    if spec.place != "lan":
        address = site.address_of(spec.place)
        if spec.address not in (None, address):
            raise LabRefused(f"a machine placed at {spec.place} has the address {address}")
    else:
        address = spec.address or _free_address(site)
    return _check_free(site, spec, address)


def _free_address(site: Site) -> IPv4Address:
    taken = {record.address for record in site.files.machine_records()}
    for address in site.plan.machines:
        if address not in taken:
            return address
    raise LabRefused(f"lab {site.files.name} has no free address in {site.plan.lan}")


def _check_free(site: Site, spec: MachineSpec, address: IPv4Address) -> IPv4Address:
    allowed = site.plan.machines
    if spec.place == "lan" and address not in allowed:
        raise LabRefused(
            f"address {address} of machine {spec.name} must lie between "
            f"{allowed[0]} and {allowed[-1]}"
        )
    for record in site.files.machine_records():
        if record.address == address:
            raise LabRefused(f"address {address} belongs to machine {record.spec.name}")
    return address


def _limit(machine: guest.Guest, limits: Limits) -> None:
    machine.cgroups.limit(machine.cgroup, limits)
    if machine.cgroups.hidden_from_machine:
        identity.write_limits(machine.files.root, limits)
        machine.run("systemctl", "daemon-reload")


def _changed(record: MachineRecord, **sizes: int) -> MachineRecord:
    """The record with another size, checked by the specification's own rules."""
    spec = MachineSpec.model_validate({**record.spec.model_dump(), **sizes})
    return record.model_copy(update={"spec": spec})
