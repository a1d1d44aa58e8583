"""Limits as the kernel's files, and the power over processes on a real tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventories.lab import LabError
from inventories.lab.cgroups import HybridCgroups, Limits, UnifiedCgroups, detect

LIMITS = Limits(memory_bytes=1 << 30, cpus=(0, 2))


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_limits_of_cgroup_v2(tmp_path: Path) -> None:
    directory = tmp_path / "kafka-fleet/kf0/a"
    directory.mkdir(parents=True)
    memory = directory / "memory.stat"
    memory.write_text(f"anon {LIMITS.memory_bytes + 1}\nfile 5\n")
    with pytest.raises(LabError, match="memory cannot shrink to 1024 MB while more is in use"):
        UnifiedCgroups(tmp_path).limit("kf0/a", LIMITS)
    assert list(directory.iterdir()) == [memory]

    memory.write_text(f"anon 5\nfile {LIMITS.memory_bytes + 1}\n")
    UnifiedCgroups(tmp_path).limit("kf0/a", LIMITS)
    memory.unlink()
    assert contents(directory) == {
        "memory.max": "1073741824",
        "memory.swap.max": "0",
        "cpu.max": "200000 100000",
        "cpuset.cpus": "0,2",
        "pids.max": "8192",
    }


@pytest.mark.parametrize("present", [str(1 << 20), str(1 << 40)])
def test_limits_of_cgroup_v1(tmp_path: Path, present: str) -> None:
    """Growing and shrinking end alike, though the kernel wants them in another order."""
    for hierarchy in ("memory", "cpu", "cpuset", "pids", "unified"):
        (tmp_path / hierarchy / "kafka-fleet/kf0/a").mkdir(parents=True)
    memory = tmp_path / "memory/kafka-fleet/kf0/a"
    for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        (memory / name).write_text(present)
    HybridCgroups(tmp_path).limit("kf0/a", LIMITS)
    assert contents(memory) == {
        "memory.limit_in_bytes": "1073741824",
        "memory.memsw.limit_in_bytes": "1073741824",
    }
    assert contents(tmp_path / "cpu/kafka-fleet/kf0/a") == {
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "200000",
    }
    assert contents(tmp_path / "cpuset/kafka-fleet/kf0/a") == {"cpuset.cpus": "0,2"}


def test_a_host_without_a_usable_tree_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="holds neither cgroup v2 nor cgroup v1 with a v2 tree"):
        detect(tmp_path)
    for name in ("memory", "unified"):
        (tmp_path / name).mkdir()
    (tmp_path / "unified/cgroup.procs").touch()
    assert isinstance(detect(tmp_path), HybridCgroups)


@pytest.fixture
def tree() -> Iterator[Path]:
    """A cgroup of the host's v2 tree for this test alone."""
    root = Path("/sys/fs/cgroup")
    v2 = root if (root / "cgroup.controllers").exists() else root / "unified"
    made = v2 / f"labtest-{os.getpid()}"
    made.mkdir()
    try:
        yield made
    finally:
        UnifiedCgroups(made).kill("")
        UnifiedCgroups(made).remove("")
        for left in (made / "entry", made):
            if left.exists():
                left.rmdir()


@pytest.mark.lab
def test_processes_are_found_frozen_and_killed_however_deep(tree: Path) -> None:
    groups = UnifiedCgroups(tree)
    door = groups.leaf("kf0/a/deep")
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        door.write_text(str(sleeper.pid))
        assert groups.processes("kf0/a") == [sleeper.pid]
        assert groups.populated("kf0")
        groups.freeze("kf0/a", frozen=True)
        assert groups.frozen("kf0/a")
        groups.kill("kf0")  # a frozen process too
        assert sleeper.wait(timeout=5) == -9
    assert not groups.populated("kf0")
    groups.remove("kf0")
    assert not (tree / "kafka-fleet/kf0").exists()
    groups.kill("kf0")
    groups.remove("kf0")


@pytest.mark.lab
def test_a_containers_root_is_vacated_before_it_gets_children(tree: Path) -> None:
    """A cgroup with controllers for its children may hold no process itself."""
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd owns the tree here")
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        (tree / "cgroup.procs").write_text(str(sleeper.pid))
        (tree / "cgroup.controllers").exists()
        assert isinstance(detect(tree), UnifiedCgroups)
        assert (tree / "cgroup.procs").read_text() == ""
        assert (tree / "entry/cgroup.procs").read_text().split() == [str(sleeper.pid)]
        sleeper.kill()
