"""The last page: the instance goes with all it had."""

from __future__ import annotations

from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane


def test_a_wrong_confirmation_is_refused(plane: Plane, demo: Demo) -> None:
    refused = plane.fleet("run", "delete-instance", "instance=demo", "confirm=yes")
    assert refused.returncode == 2
    assert 'confirm "yes": the name of the instance, "demo"' in refused.stderr


def test_nothing_is_left_of_a_deleted_instance(plane: Plane, demo: Demo) -> None:
    instance = demo.instance
    machines = [machine.name for machine in plane.instance_machines("demo")]
    assert {machine.rsplit("-", 2)[1] for machine in machines} >= {"1", "2", "3"}
    plane.succeeds("run", "delete-instance", "instance=demo", "confirm=demo")
    assert plane.json("ls") == []
    assert not [name for name in machines if plane.lab.show(name)]
    left = plane.settings.lab_root / plane.settings.lab / "machines"
    assert not [path for path in left.iterdir() if path.name in machines]
    assert plane.doors.secrets.get(instance.id, "first-user-password") is None
    again = plane.ask("delete-instance", "instance=demo", "confirm=demo")
    assert "nothing to do" in again
    statuses = [row["status"] for row in plane.json("history", "demo")]
    assert statuses[0] == "successful"
