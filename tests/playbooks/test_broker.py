"""A broker that was asked to stop is waited for on its host, and ended once it is through."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from playbooks.module_utils.kafka_fleet import broker
from playbooks.module_utils.kafka_fleet.broker import CLOSED, finish

UNIT = "kafka-of-nobody.service"
SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$0.asked"
case "$1" in
  show) [ -f "{processes}" ] && echo "{while_it_runs}" || echo {once_it_stopped} ;;
  kill) rm "{processes}" ;;
esac
"""


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that lists the unit's processes: 4711, until systemd is told to kill it."""
    directory = tmp_path / "system.slice" / UNIT
    directory.mkdir(parents=True)
    processes = directory / "cgroup.procs"
    processes.write_text("4711\n")
    monkeypatch.setattr(broker, "CGROUPS", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    told(tmp_path, processes)
    return processes


def told(place: Path, processes: Path, state: str = "deactivating") -> None:
    """What systemd says of the unit while it runs."""
    program = place / "systemctl"
    words = {"processes": processes, "while_it_runs": state, "once_it_stopped": "failed"}
    program.write_text(SYSTEMCTL.format(**words))
    program.chmod(0o755)


def asked(place: Path) -> list[str]:
    """What systemd was asked for, but for its looks."""
    lines = (place / "systemctl.asked").read_text().splitlines()
    return [line for line in lines if not line.startswith("show")]


def test_a_broker_with_open_logs_is_not_ended(unit: Path, tmp_path: Path) -> None:
    assert finish(UNIT, str(tmp_path), 0.2) == [4711]
    assert unit.exists()


def test_a_broker_whose_logs_are_closed_is_ended_and_did_not_fail(
    unit: Path, tmp_path: Path
) -> None:
    (tmp_path / CLOSED).touch()
    assert finish(UNIT, str(tmp_path), 60) == []
    assert asked(tmp_path) == [f"kill --signal=KILL {UNIT}", f"reset-failed {UNIT}"]


def test_a_mark_of_the_stop_before_ends_nobody_who_starts(unit: Path, tmp_path: Path) -> None:
    (tmp_path / CLOSED).touch()
    told(tmp_path, unit, "active")
    assert finish(UNIT, str(tmp_path), 0.2) == [4711]
    assert asked(tmp_path) == []


def test_a_broker_that_has_stopped_is_left_alone(unit: Path, tmp_path: Path) -> None:
    unit.unlink()
    assert finish(UNIT, str(tmp_path), 60) == []
    assert asked(tmp_path) == []
