"""A lab's up, down and end, each safe to call in whatever state the lab was left."""

from __future__ import annotations

from pathlib import Path

from inventories.lab import cloud, disks, lxcfs, mounts, network, slots
from inventories.lab.commands import run, works
from inventories.lab.guest import PROPAGATE
from inventories.lab.image import Say, ensure_image
from inventories.lab.model import Factor
from inventories.lab.site import Site, site_of
from inventories.lab.state import LabFiles, LabRecord, locked, read, write


def up(files: LabFiles, address_range: str, factor: Factor, cache: Path, say: Say) -> None:
    """Image, router, clients and cloud are there; what a crash left is gone first."""
    with locked(files.lock):
        if read(files.record, LabRecord) is None:
            ensure_image(cache, say)
            slots.take(files, address_range, factor)
        files.machines.mkdir(exist_ok=True)
        files.directory.chmod(0o700)
        site = site_of(files)
        if not files.is_up():
            slots.keep(files, site.plan.slot)
            _clear(site)
            _mount_image(site, _own_image(files, cache, say))
            network.up(site.plan)
            cloud.heal(site)
            files.mark_up()
            say(f"lab {files.name}: up at {site.plan.lan}")
        lxcfs.start(site)


def down(files: LabFiles) -> None:
    """Nothing of the lab is left in the kernel: no process, mount, device, namespace, cgroup.

    Its files and its claim on its addresses remain: the host answers 'unreachable' for them.
    """
    with locked(files.lock):
        if read(files.record, LabRecord):
            _clear(site_of(files))


def lose_power(files: LabFiles) -> None:
    """All machines are dead at once, and the kernel has never heard of the lab.

    The files lie as they were, a mark of the last `up` included: it names a boot that is over.
    """
    with locked(files.lock):
        site = site_of(files)
        _clear(site)
        network.unguard(site.plan)
        slots.give_back(files, site.plan.slot)
        files.up.write_text("a boot that is over\n")


def destroy(files: LabFiles) -> None:
    """The lab is gone, its files, machines and addresses included."""
    with locked(files.lock):
        if read(files.record, LabRecord):
            site = site_of(files)
            _clear(site)
            if slots.owner(site.plan.slot) in (None, files.directory):
                network.unguard(site.plan)
            slots.give_back(files, site.plan.slot)
        mounts.erase(files.directory)
        files.lock.unlink()


def _own_image(files: LabFiles, cache: Path, say: Say) -> Path:
    """The image that the lab's machines stand on, as long as the cache has it."""
    record = read(files.record, LabRecord)
    if record and record.image and record.image.exists():
        return record.image
    image = ensure_image(cache, say)
    if record:
        write(files.record, record.model_copy(update={"image": image}))
    return image


def _mount_image(site: Site, image: Path) -> None:
    site.files.image.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "squashfs", "-o", "loop,ro", str(image), str(site.files.image))


def _clear(site: Site) -> None:
    """Remove everything of the lab from the kernel: processes first, then what they held."""
    files, plan = site.files, site.plan
    files.up.unlink(missing_ok=True)
    if slots.owner(plan.slot) not in (None, files.directory):
        return  # the names of this slot belong to another lab now; nothing of ours is left
    site.cgroups.kill(plan.prefix)
    _kill_in_namespaces(site)
    lxcfs.stop(site)
    mounts.unmount_below(files.directory)
    for file, device in disks.devices().items():
        if files.directory in file.parents:
            run("losetup", "-d", device)
    network.down(plan)
    site.cgroups.remove(plan.prefix)
    for left in PROPAGATE.glob(f"{plan.prefix}-*"):
        left.rmdir()


def _kill_in_namespaces(site: Site) -> None:
    """End what runs in the lab's namespaces without being a machine's, as a test's client."""
    for netns in network.namespaces(site.plan):
        for pid in run("ip", "netns", "pids", netns).split():
            works("kill", "-KILL", pid)
