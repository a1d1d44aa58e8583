"""The machines' image: built once by mmdebstrap, kept as a read-only squashfs.

The cache key is the hash of the image's definition, so a changed definition makes a new image
and an old one is never served by mistake.
"""

from __future__ import annotations

import hashlib
import os
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
from inventories.lab.image_definition import (
    EXECUTABLES,
    FILES,
    IMAGE_PACKAGES,
    MASKED_UNITS,
    SUITE,
    UNUSED_PATHS,
    definition,
)
from inventories.lab.state import locked

Say = Callable[[str], None]
BUILD_LIMIT = 900
"""Seconds, most of them downloads."""


def image_path(cache: Path) -> Path:
    """Where the image of the present definition lies, whether or not it is built yet."""
    key = hashlib.sha256(definition().encode()).hexdigest()[:16]
    return cache / f"machine-{key}.squashfs"


def ensure_image(cache: Path, say: Say) -> Path:
    """The path of the built image. Of two builders at once one builds, the other waits."""
    image = image_path(cache)
    if image.exists():
        return image
    with locked(cache / "build.lock"):
        if not image.exists():
            _build(image, say)
    return image


def clear_cache(cache: Path) -> None:
    """No image is left, nor what a killed build left. Running labs keep the one they mounted."""
    if cache.exists():
        mounts.unmount_below(cache)
        mounts.erase(cache)


def _build(image: Path, say: Say) -> None:
    with _workspace(image.parent) as work:
        tree = work / "tree"
        _bootstrap(tree, work / "apt.conf", say)
        _configure(tree)
        say("image: pack it")
        packed = work / image.name
        run("mksquashfs", str(tree), str(packed), *_squash_options(), limit=300)
        _publish(packed, image)
    say(f"image: ready ({image.stat().st_size // 1_000_000} MB)")


def _publish(packed: Path, image: Path) -> None:
    """The image is there under its name, whole even if the host loses power now."""
    partial = image.with_suffix(".partial")
    with packed.open("rb") as source, partial.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    partial.rename(image)


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
    apt_options.touch(0o600)
    apt_options.write_text(_host_apt_options())
    argv = [
        "timeout",
        str(BUILD_LIMIT),
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
        why = f"within {BUILD_LIMIT} s" if job.returncode == 124 else "without an error"
        raise LabError(f"mmdebstrap did not end {why}: {' / '.join(last)}")


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
