"""The machines' image: Debian with a JRE, built once, kept as a read-only squashfs.

The cache key is the hash of the definition below, so a changed definition makes a new image and
an old one is never served by mistake.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inventories.lab import mounts
from inventories.lab.commands import run
from inventories.lab.errors import CommandFailed, LabError
from inventories.lab.host import available_memory

Say = Callable[[str], None]

SUITE = "bookworm"
IMAGE_PACKAGES = (
    "ca-certificates",
    "curl",
    "iproute2",
    "iputils-ping",
    "nftables",
    "openjdk-17-jre-headless",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd-sysv",
    "xfsprogs",
    "zstd",
)
MASKED_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "systemd-pstore.service",
)
# Paths no machine needs; they are left out of the squashfs, since leaving them out of the
# installation breaks package scripts (the JRE's wants /usr/share/man/man1).
UNUSED_PATHS = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log/apt",
    "etc/ssh/ssh_host_*",
)

# /proc/sys is read-only in a machine, since most of it belongs to the host. Each of these keys
# is shadowed by a file of the machine's own: `sysctl -w` works and reads back, the host is spared.
SHADOWED_SYSCTLS = (
    "fs/file-max",
    "vm/dirty_background_ratio",
    "vm/dirty_ratio",
    "vm/max_map_count",
    "vm/overcommit_memory",
    "vm/swappiness",
    "vm/vfs_cache_pressure",
)
EARLY_SCRIPT = f"""\
#!/bin/sh
# Makes /proc tell the machine's own size (lxcfs) and gives it sysctls of its own.
for file in cpuinfo loadavg meminfo stat swaps uptime; do
    if [ -e /var/lib/lxcfs/proc/$file ]; then
        mount --bind /var/lib/lxcfs/proc/$file /proc/$file
    fi
done
for key in {" ".join(SHADOWED_SYSCTLS)}; do
    shadow=/run/lab-sysctl/$key
    mkdir -p "${{shadow%/*}}"
    cat /proc/sys/$key > "$shadow"
    mount --bind "$shadow" /proc/sys/$key
done
"""
EARLY_UNIT = """\
[Unit]
Description=Show the lab machine's own size and give it sysctls of its own
DefaultDependencies=no
Before=sysinit.target systemd-sysctl.service
RequiresMountsFor=/run

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/lab/early

[Install]
WantedBy=sysinit.target
"""
FILES = {
    "usr/local/lib/lab/early": EARLY_SCRIPT,
    "etc/systemd/system/lab-early.service": EARLY_UNIT,
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=64M\n",
    "etc/ssh/sshd_config.d/lab.conf": (
        "PasswordAuthentication no\nUseDNS no\nMaxStartups 200\nMaxSessions 100\n"
    ),
    "etc/machine-id": "",
    "etc/default/locale": "LANG=C.UTF-8\n",
}
EXECUTABLES = ("usr/local/lib/lab/early",)


def definition() -> str:
    """Everything that decides the image's content, as stable text."""
    parts = {
        "architecture": platform.machine(),
        "suite": SUITE,
        "packages": IMAGE_PACKAGES,
        "masked": MASKED_UNITS,
        "unused": UNUSED_PATHS,
        "files": FILES,
        "executables": EXECUTABLES,
    }
    return json.dumps(parts, sort_keys=True)


def image_path(cache: Path) -> Path:
    """Where the image of the present definition lies, whether or not it is built yet."""
    key = hashlib.sha256(definition().encode()).hexdigest()[:16]
    return cache / f"machine-{key}.squashfs"


def ensure_image(cache: Path, say: Say) -> Path:
    """The path of the built image. Of two builders at once one builds, the other waits."""
    image = image_path(cache)
    if image.exists():
        return image
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.exists():
            _build(image, say)
    return image


def _build(image: Path, say: Say) -> None:
    with _workspace(image.parent) as work:
        tree = work / "tree"
        _bootstrap(tree, work / "apt.conf", say)
        _configure(tree)
        say("image: pack it")
        packed = work / image.name
        run("mksquashfs", str(tree), str(packed), *_squash_options(), limit=300)
        partial = image.with_suffix(".partial")
        shutil.copyfile(packed, partial)
        partial.rename(image)
    say(f"image: ready ({image.stat().st_size // 1_000_000} MB)")


@contextmanager
def _workspace(cache: Path) -> Iterator[Path]:
    """A directory for one build, in memory where there is enough, gone afterwards."""
    _clear_old_workspaces(cache)
    work = Path(tempfile.mkdtemp(prefix="build-", dir=cache))
    if available_memory() > 4 << 30:
        run("mount", "-t", "tmpfs", "-o", "size=3g,mode=755", "lab-image", str(work))
    try:
        yield work
    finally:
        mounts.unmount_below(work)
        mounts.erase(work)


def _clear_old_workspaces(cache: Path) -> None:
    """Remove what a killed builder left; the caller holds the lock, so nobody works there."""
    for left in cache.glob("build-*"):
        if not left.is_dir():
            continue
        mounts.unmount_below(left)
        mounts.erase(left)


def _bootstrap(tree: Path, apt_options: Path, say: Say) -> None:
    """Install the packages with mmdebstrap, from the archives that the host's apt uses."""
    apt_options.write_text(_host_apt_options())
    apt_options.chmod(0o600)
    argv = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(IMAGE_PACKAGES)}",
        "--dpkgopt=force-unsafe-io",
        f"--aptopt={apt_options}",
        SUITE,
        str(tree),
        *_host_archives(),
    ]
    say(f"image: install Debian {SUITE} with {len(IMAGE_PACKAGES)} packages")
    last: list[str] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as job:
        assert job.stdout is not None
        for line in job.stdout:
            last = [*last, line.strip()][-8:]
            if line.startswith("I: ") and "..." in line:
                say(f"image: {line[3:].strip()}")
    if job.returncode:
        raise LabError(f"mmdebstrap ended with {job.returncode}: {' / '.join(last)}")


def _host_archives() -> list[str]:
    """The host's own Debian archives for the suite; empty means mmdebstrap's default."""
    fields = "$(ORIGIN)|deb $(REPO_URI) $(CODENAME) $(COMPONENT)"
    try:
        targets = run("apt-get", "indextargets", "--format", fields, "Created-By: Packages")
    except CommandFailed:
        return []
    lines = sorted({line.removeprefix("Debian|") for line in targets.splitlines()})
    suites = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    found = [line for line in lines if line.startswith("deb ") and line.split()[2] in suites]
    return found if any(line.split()[2] == SUITE for line in found) else []


def _host_apt_options() -> str:
    """The host's proxy and checking options, which the bootstrap needs as well.

    They go through a file, since a proxy's address may carry a password.
    """
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
    dumped = run("apt-config", "dump", "Acquire").splitlines()
    return "".join(f"{line}\n" for line in dumped if line.startswith(wanted))


def _configure(tree: Path) -> None:
    (tree / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)
    for name, content in FILES.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755 if name in EXECUTABLES else 0o644)
    units = tree / "etc/systemd/system"
    for unit in MASKED_UNITS:
        _link(units / unit, "/dev/null")
    _link(units / "sysinit.target.wants/lab-early.service", "../lab-early.service")
    (tree / "var/log/journal").mkdir(exist_ok=True)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _squash_options() -> list[str]:
    options = ["-comp", "zstd", "-Xcompression-level", "1", "-noappend", "-quiet", "-no-progress"]
    if os.cpu_count():
        options += ["-processors", str(os.cpu_count())]
    return [*options, "-wildcards", "-e", *UNUSED_PATHS]
