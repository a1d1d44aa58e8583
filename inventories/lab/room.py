"""How much of the host is still free for machines."""

from __future__ import annotations

from inventories.lab import host
from inventories.lab.disks import GB
from inventories.lab.model import Factor, MachineRecord, Room
from inventories.lab.site import Site, site_of
from inventories.lab.state import LabFiles, lab_records

MB = 1 << 20
HOST_RESERVE = 512 * MB


def room(files: LabFiles, factor: Factor) -> Room:
    """What further machines may have, after all that every lab under this root has promised.

    A promise is what a machine may still take: its memory limit, and the lab's share of its disk,
    beyond what it uses now. A machine that is stopped keeps its promise.
    """
    memory, disk, addresses = host.available_memory() - HOST_RESERVE, _free_disk(files), 0
    for name in lab_records(files.labs):
        site = site_of(LabFiles(files.labs, name))
        for record in site.files.machine_records():
            memory -= _promised_memory(site, record)
            disk -= _promised_disk(site, record)
        if name == files.name:
            addresses = _free_addresses(site)
    memory_mb, disk_gb = max(0, memory) // MB, max(0, disk) // GB
    return Room(
        memory_mb=int(memory_mb / factor.memory),
        disk_gb=int(disk_gb / factor.disk),
        effective_memory_mb=memory_mb,
        effective_disk_gb=disk_gb,
        addresses=addresses,
        factor=factor,
    )


def _free_disk(files: LabFiles) -> int:
    return host.available_disk(files.directory) - GB


def _promised_memory(site: Site, record: MachineRecord) -> int:
    used = site.cgroups.memory_used(site.guest(record).cgroup)
    return max(0, site.limits(record).memory_bytes - used)


def _promised_disk(site: Site, record: MachineRecord) -> int:
    share = int(record.spec.disk_gb * GB * site.factor.disk)
    return max(0, share - host.allocated(site.files.machine(record.spec.name).disk))


def _free_addresses(site: Site) -> int:
    taken = {record.address for record in site.files.machine_records()}
    return len(set(site.plan.machines) - taken)
