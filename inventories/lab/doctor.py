"""Whether this host can carry a lab: each need is tried on a scratch object, not read about."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from inventories.lab import cgroups, disks, host, mounts
from inventories.lab.addresses import DEFAULT_NETWORK
from inventories.lab.cgroups import Limits
from inventories.lab.commands import in_netns, run
from inventories.lab.errors import LabError
from inventories.lab.packages import COMMANDS, PACKAGES
from inventories.lab.slots import first_free

ROOT = Path("/var/lib/kafka-fleet")
CAPABILITIES = {
    "CAP_NET_ADMIN": 12,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_MKNOD": 27,
}
CAP_SYS_RESOURCE = 24
SMALLEST_MEMORY = 3 << 30
SMALLEST_DISK = 5 << 30


class Finding(BaseModel):
    """One thing that is missing here; without a fatal one the lab works."""

    model_config = ConfigDict(frozen=True)

    name: str
    fatal: bool
    sentence: str
    remedy: str


@dataclass(frozen=True)
class Need:
    """Something the lab needs, and how to try it: `attempt` raises when it is not there."""

    name: str
    remedy: str
    attempt: Callable[[Path], None]
    fatal: bool = True


class Missing(LabError):
    """What an attempt found missing, in words of its own."""


def check(root: Path = ROOT, network: str = DEFAULT_NETWORK) -> list[Finding]:
    """What is missing on this host, fatal findings first; empty when all is there."""
    findings = _try(_basics(), root)
    if not any(finding.fatal for finding in findings):
        findings += _try(_abilities(network), root)
    return sorted(findings, key=lambda finding: not finding.fatal)


def _try(needs: list[Need], root: Path) -> list[Finding]:
    findings = []
    for need in needs:
        try:
            need.attempt(root)
        except (LabError, OSError) as error:
            sentence = str(error).strip().rstrip(".")
            findings.append(
                Finding(name=need.name, fatal=need.fatal, sentence=sentence, remedy=need.remedy)
            )
    return findings


def _basics() -> list[Need]:
    install = f"apt-get install {' '.join(PACKAGES)}"
    return [
        Need("root", "run it as root", _is_root),
        Need("commands", install, _has_commands),
        Need("capabilities", "start the container privileged", _has_capabilities),
    ]


def _abilities(network: str) -> list[Need]:
    privileged = "use a host or a privileged container that allows it"
    elsewhere = "give another address range for the lab"
    return [
        Need("namespaces", privileged, _makes_namespaces),
        Need("cgroups", "boot with cgroup v2, or start the container privileged", _makes_cgroups),
        Need("overlay", "choose a root directory that is not on overlayfs", _mounts_overlay),
        Need("squashfs", "load the kernel modules loop and squashfs", _mounts_squashfs),
        Need("xfs", "load the kernel modules loop and xfs", _mounts_xfs),
        Need("network", "load the kernel modules veth and nf_tables", _filters_packets),
        Need("fuse", "load the kernel module fuse", _opens_fuse),
        Need("memory", "free memory, or use a larger host", _has_memory),
        Need("disk", "free disk space, or choose another root directory", _has_disk),
        Need("addresses", elsewhere, lambda root: _has_addresses(root, network)),
        Need("tbf", "load the kernel module sch_tbf to slow links down", _shapes("tbf"), False),
        Need("netem", "load the kernel module sch_netem to delay packets", _shapes("netem"), False),
        Need("file limits", "grant CAP_SYS_RESOURCE", _raises_limits, False),
    ]


def _is_root(root: Path) -> None:
    if os.geteuid():
        raise Missing("the lab needs root, for namespaces, mounts and devices")


def _has_commands(root: Path) -> None:
    places = [Path(p) for p in (*os.get_exec_path(), "/usr/sbin", "/sbin")]
    missing = [c for c in COMMANDS if not any((place / c).exists() for place in places)]
    if missing:
        raise Missing(f"these commands are not installed: {', '.join(missing)}")


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _has_capabilities(root: Path) -> None:
    held = _effective_capabilities()
    missing = [name for name, bit in CAPABILITIES.items() if not held >> bit & 1]
    if missing:
        raise Missing(f"this process lacks {', '.join(missing)}")


def _raises_limits(root: Path) -> None:
    if not _effective_capabilities() >> CAP_SYS_RESOURCE & 1:
        raise Missing("without CAP_SYS_RESOURCE limits of open files stay at the host's own")


def _makes_namespaces(root: Path) -> None:
    run("unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "true")


def _makes_cgroups(root: Path) -> None:
    groups, path = cgroups.detect(), f"doctor-{os.getpid()}"
    try:
        groups.create(path, Limits(memory_bytes=64 << 20, cpus=(min(os.sched_getaffinity(0)),)))
        groups.kill(path)
    finally:
        groups.remove(path)


def _mounts_overlay(root: Path) -> None:
    with _scratch(root) as scratch:
        for name in ("lower", "upper", "work", "merged"):
            (scratch / name).mkdir()
        layers = (
            f"lowerdir={scratch / 'lower'},upperdir={scratch / 'upper'},workdir={scratch / 'work'}"
        )
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(scratch / "merged"))


def _mounts_squashfs(root: Path) -> None:
    with _scratch(root) as scratch:
        (scratch / "tree").mkdir()
        (scratch / "mounted").mkdir()
        image = str(scratch / "image")
        run("mksquashfs", str(scratch / "tree"), image, "-comp", "zstd", "-quiet", "-no-progress")
        run("mount", "-t", "squashfs", "-o", "loop,ro", image, str(scratch / "mounted"))


def _mounts_xfs(root: Path) -> None:
    with _scratch(root) as scratch:
        image, mounted = scratch / "image", scratch / "mounted"
        disks.create(image, 1)
        mounted.mkdir()
        device = disks.attach(image)
        try:
            run("mkfs.xfs", "-q", device)
            run("mount", device, str(mounted))
            run("umount", str(mounted))
        finally:
            disks.detach(image)


def _filters_packets(root: Path) -> None:
    table = """\
table inet lab_doctor {
    chain nat {
        type nat hook prerouting priority dstnat;
        tcp dport 1 dnat ip to 192.0.2.1
    }
}
"""
    veth = ("probe0", "type", "veth", "peer", "name", "probe1")
    with _scratch_netns() as netns:
        run("ip", "-netns", netns, "link", "add", *veth)
        run(*in_netns(netns, ("nft", "-f", "-")), stdin=table)


def _shapes(discipline: str) -> Callable[[Path], None]:
    parameters = {
        "tbf": ("rate", "1mbit", "burst", "64kb", "latency", "400ms"),
        "netem": ("delay", "1ms"),
    }[discipline]

    def attempt(root: Path) -> None:
        with _scratch_netns() as netns:
            argv = ("qdisc", "add", "dev", "lo", "root", discipline, *parameters)
            run("tc", "-netns", netns, *argv)

    return attempt


def _opens_fuse(root: Path) -> None:
    os.close(os.open("/dev/fuse", os.O_RDWR))


def _has_memory(root: Path) -> None:
    free = host.available_memory()
    if free < SMALLEST_MEMORY:
        raise Missing(
            f"{free >> 20} MB of memory are free, and a small lab needs {SMALLEST_MEMORY >> 20}"
        )


def _has_disk(root: Path) -> None:
    free = host.available_disk(root)
    if free < SMALLEST_DISK:
        raise Missing(
            f"{free >> 20} MB of disk are free at {root}, and a small lab needs "
            f"{SMALLEST_DISK >> 20}"
        )


def _has_addresses(root: Path, network: str) -> None:
    first_free(root, network)


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A directory where the labs would lie, gone afterwards with all that is mounted in it."""
    root.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=".doctor-", dir=root))
    try:
        yield directory
    finally:
        mounts.unmount_below(directory)
        mounts.erase(directory)


@contextmanager
def _scratch_netns() -> Iterator[str]:
    name = f"kf-doctor-{os.getpid()}"
    run("ip", "netns", "add", name)
    try:
        yield name
    finally:
        run("ip", "netns", "del", name)
