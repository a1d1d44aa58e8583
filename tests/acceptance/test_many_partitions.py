"""A broker with hundreds of partitions: it leaves as it stops, and comes back in portions."""

from __future__ import annotations

import pytest

from flows.domain.gates import MUTED_AT_MOST
from flows.domain.reassignment import left_behind
from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    load,
    spread_topic,
    started,
)

RESTART = ("run", "restart-instance", "instance=demo", "broker=2")
MUTED, IN_PORTIONS = "leave every in-sync set", "come back, one portion after the other"


@pytest.mark.slow
@pytest.mark.parametrize(("partitions", "muted"), [(150, True), (MUTED_AT_MOST, False)])
def test_a_broker_comes_back_in_portions(
    plane: Plane, demo: Demo, partitions: int, muted: bool
) -> None:
    topic = spread_topic(plane, demo, f"broad-{partitions}", partitions)
    before = started(plane, demo)
    with load(plane, demo, topic) as told:
        said = plane.succeeds(*RESTART, "at_risk=accept", "stall_budget=60")
    assert_nothing_lost(told.answer)
    assert changed(before, started(plane, demo)) == {2}
    assert (MUTED in said, IN_PORTIONS in said) == (muted, True)
    assert not left_behind(plane.doors.zookeeper.state(demo.instance)), "it is still held back"
