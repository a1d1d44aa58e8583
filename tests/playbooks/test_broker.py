"""A broker that was asked to stop is waited for on its host, as long as it was told to wait."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from playbooks.module_utils.kafka_fleet.broker import running

UNIT = "kafka-of-nobody.service"
STOPS_AT_THE_THIRD_LOOK = """#!/bin/sh
echo look >> "$0.looks"
[ "$(wc -l < "$0.looks")" -lt 3 ] && echo deactivating || echo inactive
"""


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """How often systemd was asked; its unit has stopped at the third look."""
    program = tmp_path / "systemctl"
    program.write_text(STOPS_AT_THE_THIRD_LOOK)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "systemctl.looks"


def test_it_is_seen_to_stop_within_one_question(looks: Path) -> None:
    assert running(UNIT, 60) == []
    assert len(looks.read_text().splitlines()) == 3


def test_without_waiting_it_is_seen_as_it_is(looks: Path) -> None:
    assert running(UNIT) == [0]
    assert len(looks.read_text().splitlines()) == 1
