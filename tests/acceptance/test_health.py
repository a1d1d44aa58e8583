"""A broker's machine dies and comes back; the sweep says so."""

from __future__ import annotations

from flows.monitoring.check_health import sweep
from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane, wait_until


def test_a_crashed_machine_makes_the_instance_faulty_until_it_is_back(
    plane: Plane, demo: Demo
) -> None:
    lost = plane.instance_machines("demo")[2].name
    plane.lab.crash(lost)
    wait_until(lambda: _status(plane) == "Faulty", "the instance is faulty")
    shown = plane.json("show", "demo")
    assert f"broker 3: its machine {lost} does not answer" in shown["reason"]

    plane.lab.start(lost)
    wait_until(lambda: _status(plane) == "Running", "the instance runs again", limit=600)
    assert plane.json("show", "demo")["reason"] == ""
    traces = [trace.result for trace in plane.doors.records.traces("demo")]
    assert any(result.startswith("Running -> Faulty: ") for result in traces)
    assert "Faulty -> Running" in traces


def _status(plane: Plane) -> str:
    sweep(plane.doors)
    row = plane.doors.records.find("demo")
    assert row is not None
    return row.status
