"""Fifty instances cost what they may; seconds of a processor, which a busy machine cannot stretch
as much as the time on the wall.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fleet_of_fifty import GOALS, Fleet, fleet
from flows.domain.instance import Status

INSTANCES = 50
GENEROUS = 3


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Fifty instances, of which each answers at once."""
    return fleet(tmp_path_factory.mktemp("fifty") / "home", INSTANCES, delay=0)


def test_a_list_of_fifty_is_quick(fifty: Fleet) -> None:
    assert fifty.list().cpu_seconds < GENEROUS * GOALS["ls"]


def test_a_sweep_over_fifty_is_quick_and_asks_each_question_once(fifty: Fleet) -> None:
    assert fifty.sweep().cpu_seconds < GENEROUS * GOALS["sweep"]
    assert len(fifty.questions) <= 8 * INSTANCES
    rows = fifty.doors.records.living()
    assert len(rows) == INSTANCES
    assert {row.status for row in rows} == {Status.RUNNING}
    assert all(row.observed["certificates"] for row in rows)


def test_a_sweep_waits_for_many_instances_at_once(tmp_path: Path) -> None:
    """Sixteen that answer slowly take little longer than one."""
    few = fleet(tmp_path / "home", 16, delay=0.3)
    cost = few.sweep()
    assert len(few.questions) * 0.3 > 3 * (cost.seconds - cost.cpu_seconds)
