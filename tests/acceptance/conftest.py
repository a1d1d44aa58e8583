"""One control plane, one lab, one secured and one open instance, shared by the whole story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inventories.lab import doctor
from tests.acceptance.parts import Demo, Watch, cloud_wide_open, create_while_killed
from tests.acceptance.plane import Plane, new_plane

STORY = (
    "test_creation",
    "test_clients",
    "test_permissions",
    "test_users",
    "test_certificates",
    "test_mutual_tls",
    "test_uploads",
    "test_firewall",
    "test_connection_limits",
    "test_dnat",
    "test_access",
    "test_access_certificates",
    "test_wrong_mappings",
    "test_doors",
    "test_limits_and_lists",
    "test_open_instance",
    "test_rolling",
    "test_sizes",
    "test_health",
    "test_power_loss",
    "test_secrets",
    "test_versions",
    "test_backup",
    "test_many_partitions",
    "test_deletion",
    "test_own_hosts",
    "test_demo",
)
"""The files in the order of the story; what breaks or deletes comes last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The story is told in its order, and needs a machine that can carry a lab."""
    here = [item for item in items if "acceptance" in item.path.parts]
    places = [index for index, item in enumerate(items) if item in here]
    here.sort(key=lambda item: STORY.index(item.path.stem))
    for place, item in zip(places, here, strict=True):
        items[place] = item
        item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A running control plane with a lab; nothing of them is left afterwards."""
    missing = [finding.sentence for finding in doctor.check() if finding.fatal]
    assert not missing, "; ".join(missing)
    made = new_plane(tmp_path_factory.mktemp("fleet") / "home")
    try:
        made.succeeds("up")
        made.pause_schedules()
        yield made
    finally:
        made.fleet("down", "--now")
        made.lab.destroy()


@pytest.fixture(scope="package")
def watch() -> Iterator[Watch]:
    """Looks at the command lines and environments of all processes while instances are made."""
    watch = Watch()
    watch.start()
    yield watch
    watch.stop()


@pytest.fixture(scope="package")
def demo(plane: Plane, watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The secured instance; its creation was killed in the middle once."""
    return create_while_killed(plane, tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="package")
def plain(plane: Plane, watch: Watch) -> str:
    """An instance without SASL_SSL, by its name."""
    plane.ask("create-instance", "name=plain", "availability_zones=3")
    return "plain"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A directory for one test."""
    return tmp_path


@pytest.fixture
def wide_open(plane: Plane, demo: Demo) -> Iterator[None]:
    """Only the hosts keep anybody away."""
    with cloud_wide_open(plane):
        yield
