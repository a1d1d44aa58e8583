"""One lxcfs per lab: files that tell each machine its own memory, CPUs and uptime."""

from __future__ import annotations

import subprocess

from inventories.lab import mounts
from inventories.lab.commands import run, wait_for
from inventories.lab.guest import enter_cgroups
from inventories.lab.site import Site


def start(site: Site) -> None:
    """lxcfs answers at the lab's directory; a dead one is replaced."""
    directory = site.files.lxcfs
    if _answers(site):
        return
    stop(site)
    directory.mkdir(exist_ok=True)
    door = site.cgroups.leaf(_cgroup(site))
    argv = ("lxcfs", "-f", "-l", "--enable-cfs", "-p", str(site.files.lxcfs_pid), str(directory))
    with (site.files.directory / "lxcfs.log").open("wb") as log:
        subprocess.Popen(
            ["setsid", "--fork", *enter_cgroups([door], argv)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
        ).wait()
    wait_for(lambda: _answers(site), f"lxcfs does not serve {directory}", limit=10)


def stop(site: Site) -> None:
    """lxcfs and its mount are gone.

    Its own end on SIGTERM takes seconds, so it is unmounted and killed; the order keeps the
    mount from being left behind, dead.
    """
    if mounts.is_mounted(site.files.lxcfs):
        run("umount", "--lazy", str(site.files.lxcfs))
    site.cgroups.kill(_cgroup(site))
    site.files.lxcfs_pid.unlink(missing_ok=True)


def _cgroup(site: Site) -> str:
    """A name that no machine can have."""
    return f"{site.plan.prefix}/_lxcfs"


def _answers(site: Site) -> bool:
    try:
        return bool((site.files.lxcfs / "proc/meminfo").read_bytes())
    except OSError:
        return False
