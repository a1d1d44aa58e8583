"""What tests do to machines: crash, freeze, fill the disk, slow the link.

Cutting links is the cloud's affair (`cloud.cut`, `cloud.partition`).
"""

from __future__ import annotations

import os
from ipaddress import IPv4Address
from pathlib import Path

from inventories.lab import cloud, guest
from inventories.lab.addresses import link_of
from inventories.lab.commands import run, works
from inventories.lab.errors import LabError, LabRefused
from inventories.lab.guest import Guest
from inventories.lab.site import Site
from inventories.lab.state import locked

BALLAST = ".lab-fill"


def crash(site: Site, name: str) -> None:
    """The machine is dead from one moment to the next, as after a power loss."""
    with locked(site.files.machine(name).lock):
        record = site.wish(name, "stopped")
        guest.kill(site.guest(record))
        cloud.gateway_went_down(site, record.address)


def freeze(site: Site, name: str) -> None:
    """No process of the machine runs; its kernel still answers pings and connects, as in a hang."""
    machine = site.guest(site.known(name))
    machine.alive()
    machine.cgroups.freeze(machine.cgroup, frozen=True)


def thaw(site: Site, name: str) -> None:
    """The machine's processes run on."""
    machine = site.guest(site.known(name))
    if machine.frozen():
        machine.cgroups.freeze(machine.cgroup, frozen=False)


def fill(site: Site, name: str, percent: int) -> None:
    """The data disk's file system is full to at least this share; the host's disk stays as it is.

    `LabError` unless the machine runs with its data disk mounted.
    """
    if not 1 <= percent <= 100:
        raise LabRefused(f"percent {percent} must lie between 1 and 100")
    directory = _data_directory(site.guest(site.known(name)))
    unfill(site, name)
    stat = os.statvfs(directory)
    free_afterwards = stat.f_blocks * (100 - percent) // 100
    ballast = (stat.f_bavail - free_afterwards) * stat.f_frsize
    if ballast > 0:
        run("fallocate", "--length", str(ballast), str(directory / BALLAST))


def unfill(site: Site, name: str) -> None:
    """What `fill` took is free again."""
    (_data_directory(site.guest(site.known(name))) / BALLAST).unlink(missing_ok=True)


def slow(site: Site, name: str, mbit: int) -> None:
    """The machine's link carries at most this rate in each direction, until `unslow` or `down`."""
    if mbit < 1:
        raise LabRefused(f"mbit {mbit} must be at least 1")
    limit = ("root", "tbf", "rate", f"{mbit}mbit", "burst", "64kb", "latency", "400ms")
    for netns, link in _ends(site, name):
        run("tc", "-netns", netns, "qdisc", "replace", "dev", link, *limit)


def unslow(site: Site, name: str) -> None:
    """The machine's link is as fast as the host."""
    for netns, link in _ends(site, name):
        works("tc", "-netns", netns, "qdisc", "del", "dev", link, "root")


def _ends(site: Site, name: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Both ends of the machine's own link: towards it, and from it."""
    record = site.known(name)
    if record.spec.place != "lan":
        raise LabRefused(f"machine {name} stands at {record.spec.place} and has no link of its own")
    address: IPv4Address = record.address
    return (site.plan.router_netns, link_of(address)), (site.netns(record), "eth0")


def _data_directory(machine: Guest) -> Path:
    """Where the machine has mounted its data disk, as a path of the host."""
    leader = machine.alive()
    device = os.stat(f"/proc/{leader}/root/dev/vdb").st_rdev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path(f"/proc/{leader}/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[2] == wanted:
            return Path(f"/proc/{leader}/root{fields[4]}")
    raise LabError(f"machine {machine.name} has not mounted its data disk: nothing to fill")
