"""Every secret is where it belongs and nowhere else: processes, files, logs, records, runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from flows.adapters.records.engine import open_engine
from flows.adapters.records.schema import secrets as table
from tests.acceptance.parts import PASSWORD, Demo, Watch
from tests.acceptance.plane import Plane

ON_HOSTS = "etc/kafka-fleet/private"


@pytest.fixture(scope="module")
def needles(plane: Plane, demo: Demo) -> dict[str, bytes]:
    """What is searched for: every secret of the instance, long texts by a piece of them."""
    engine = open_engine(plane.settings.database_url)
    with engine.connect() as connection:
        names = [
            row[0]
            for row in connection.execute(
                text("select name from secrets where instance_id = :id"), {"id": demo.instance.id}
            )
        ]
    assert table.name == "secrets"
    found = {name: str(plane.doors.secrets.get(demo.instance.id, name)) for name in names}
    master = (plane.settings.secrets / "master.key").read_text().split()[0]
    return {name: _piece(value) for name, value in {**found, "master key": master}.items()}


def _piece(value: str) -> bytes:
    """What no other text has in common with this secret, within one line of it."""
    if "PRIVATE KEY" in value:
        lines = value.split("PRIVATE KEY-----")[1].replace("\\n", "\n").split("\n")
        # The first lines of a key are the same for all; an OpenSSH key has its seed in the fourth.
        return (lines[4][10:40] if "OPENSSH" in value else lines[2][:24]).encode()
    if '"password": "' in value:
        return value.split('"password": "')[1].split('"', maxsplit=1)[0].encode()
    return value.encode()


def test_all_kinds_are_searched_for(needles: dict[str, bytes]) -> None:
    kinds = ("authority", "store-private", "ssh-key", "zookeeper", "encoder", "probe", "first-user")
    for kind in kinds:
        assert any(kind in name for name in needles), kind
    assert needles["first-user-password"] == PASSWORD.encode()
    assert all(len(needle) >= 8 for needle in needles.values())


def test_no_process_ever_showed_one(watch: Watch, needles: dict[str, bytes]) -> None:
    assert len(watch.seen) > 100
    shown = [name for name, needle in needles.items() if any(needle in seen for seen in watch.seen)]
    assert shown == []


def test_no_file_of_the_control_plane_holds_one(plane: Plane, needles: dict[str, bytes]) -> None:
    home = plane.settings.home
    files = [path for path in _files(home) if plane.settings.secrets not in path.parents]
    assert {path.name for path in files} >= {"records.db"}
    assert any(path.suffix == ".log" for path in files)
    assert _holding(files, needles) == []


def test_nothing_is_left_in_memory_file_systems(needles: dict[str, bytes]) -> None:
    assert _holding([*_files(Path("/dev/shm")), *_files(Path("/root/.ansible"))], needles) == []


def test_a_host_holds_them_in_one_closed_directory(
    plane: Plane, demo: Demo, needles: dict[str, bytes]
) -> None:
    for machine in plane.instance_machines("demo"):
        upper = plane.settings.lab_root / plane.settings.lab / "machines" / machine.name / "upper"
        private = upper / ON_HOSTS
        assert private.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in private.iterdir()} == {0o400}
        outside = [path for path in _files(upper) if private not in path.parents]
        assert outside
        assert _holding(outside, needles) == []


def test_the_key_of_an_authority_is_on_no_host(
    plane: Plane, demo: Demo, needles: dict[str, bytes]
) -> None:
    keys = {name: needle for name, needle in needles.items() if "authority" in name}
    assert len(keys) == 2
    for machine in plane.instance_machines("demo"):
        upper = plane.settings.lab_root / plane.settings.lab / "machines" / machine.name / "upper"
        assert _holding(list(_files(upper)), keys) == []


def _files(top: Path) -> Iterator[Path]:
    if top.exists():
        yield from (path for path in top.rglob("*") if path.is_file() and not path.is_symlink())


def _holding(files: list[Path], needles: dict[str, bytes]) -> list[str]:
    found = []
    for path in files:
        content = path.read_bytes()
        found += [f"{path}: {name}" for name, needle in needles.items() if needle in content]
    return found
