"""The home is lost; from an older backup the instance is operated again."""

from __future__ import annotations

from pathlib import Path

from flows.domain.instance import Status
from flows.monitoring.check_health import sweep
from tests.acceptance.parts import PASSWORD, Demo
from tests.acceptance.plane import Plane

LATE_USER = ("run", "create-user", "instance=demo", "user=late-user")


def test_an_instance_outlives_the_home_of_its_control_plane(
    plane: Plane, demo: Demo, scratch: Path
) -> None:
    file, key = scratch / "fleet.backup", scratch / "key"
    told = plane.succeeds("backup", "-o", str(file), "--new-key")
    key.write_text(_recovery_key(told))
    refused = plane.fleet("backup", "-o", str(file))
    assert (refused.returncode, refused.stderr) == (
        2,
        f'output "{file}": there is such a file; a new name is accepted\n',
    )
    # Hosts see operations that the backup does not know.
    plane.succeeds(*LATE_USER)
    before = _epochs(plane)
    address = plane.json("show", "demo")["bootstrap"]

    _refuse_over_a_living_home(plane, file, key)
    plane.succeeds("down", "--now")
    plane.settings.home.rename(scratch / "lost")
    told = plane.succeeds("restore", str(file), "--key", f"@{key}")
    assert f"restored into {plane.settings.home}: " in told
    plane.succeeds("up")

    shown = plane.json("show", "demo")
    assert shown["bootstrap"] == address
    assert plane.json("credentials", "demo")["password"] == PASSWORD
    sweep(plane.doors)
    row = plane.doors.records.find("demo")
    assert row is not None
    assert (row.status, row.reason) == (Status.RUNNING, "")
    plane.succeeds(*LATE_USER)
    assert min(_epochs(plane)) > max(before)


def _refuse_over_a_living_home(plane: Plane, file: Path, key: Path) -> None:
    refused = plane.fleet("restore", str(file), "--key", f"@{key}")
    assert (refused.returncode, refused.stderr) == (
        2,
        f'FLEET_HOME "{plane.settings.home}": it is not empty; a backup is restored into a new or '
        "an empty directory\n",
    )
    plane.succeeds("status")


def _recovery_key(told: str) -> str:
    (line,) = (line for line in told.splitlines() if line.startswith("    "))
    return line


def _epochs(plane: Plane) -> list[int]:
    """The newest operation that each machine of the instance has seen."""
    instance = plane.instance("demo")
    hosts = plane.doors.hosts(instance.id)
    seen = [hosts.observe(machine) for machine in plane.instance_machines("demo")]
    return [host.epoch for host in seen if host is not None]
