"""What the doctor says about this host, and about a worse one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inventories.lab import PACKAGES, doctor, packages
from inventories.lab.commands import run


@pytest.mark.lab
def test_this_host_carries_a_lab_and_is_left_as_it_was() -> None:
    def traces() -> tuple[str, list[str], list[str]]:
        mine = f"-{os.getpid()}"
        namespaces = [name for name in run("ip", "netns").split() if name.endswith(mine)]
        left = [path.name for path in doctor.ROOT.glob(".doctor-*")]
        cgroups = [str(p) for p in Path("/sys/fs/cgroup").glob("*/kafka-fleet/doctor-*")]
        return run("losetup", "--list", "-n", "-O", "BACK-FILE"), [*namespaces, *left], cgroups

    assert [finding.sentence for finding in doctor.check() if finding.fatal] == []
    loops, left, cgroups = traces()
    assert (left, cgroups) == ([], [])
    assert ".doctor-" not in loops


@pytest.mark.lab
def test_a_range_that_the_host_uses_is_named() -> None:
    findings = doctor.check(network="127.0.0.0/15")
    assert [finding.name for finding in findings if finding.fatal] == ["addresses"]
    assert "overlaps the host's route to 127.0.0.0/8" in findings[0].sentence
    assert findings[0].remedy == "give another address range for the lab"


@pytest.mark.lab
def test_a_root_on_overlayfs_is_named(tmp_path: Path) -> None:
    layers = [tmp_path / name for name in ("lower", "upper", "work", "merged")]
    for layer in layers:
        layer.mkdir()
    lower, upper, work, merged = map(str, layers)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "overlay", "-o", options, merged)
    try:
        findings = doctor.check(root=Path(merged))
        assert "overlay" in [finding.name for finding in findings if finding.fatal]
    finally:
        run("umount", merged)


def test_missing_commands_are_named_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(packages.COMMANDS, "no-such-command", "no-such-package")
    findings = {finding.name: finding for finding in doctor.check(root=tmp_path)}
    assert findings["commands"].sentence == "these commands are not installed: no-such-command"
    assert findings["commands"].fatal
    assert "systemd-container" in findings["commands"].remedy
    assert {"lxcfs", "mmdebstrap", "nftables"} <= set(PACKAGES)
