"""A newcomer's first hour: the demo on an empty machine, once more, its logs, and nothing left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.doors.controlplane.processes import remembered
from flows.doors.controlplane.programs import names, pid_file
from tests.acceptance.parts import in_namespace
from tests.acceptance.plane import Plane, new_plane

pytestmark = pytest.mark.slow
"""Minutes that the 35 of `./fleet test` do not have."""

STARTED = "started (kafka.server.KafkaServer)"
PROVED = "9 messages by acks=all through every broker, and back"


@pytest.fixture(scope="module")
def fresh(plane: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A home and a lab where nothing was done yet; nothing of them is left afterwards."""
    made = new_plane(tmp_path_factory.mktemp("newcomer") / "home", lab="newcomer")
    try:
        yield made
    finally:
        made.fleet("down", "--now")
        made.lab.destroy()


@pytest.fixture(scope="module")
def first(fresh: Plane) -> str:
    """What the first `fleet demo` printed."""
    return fresh.succeeds("demo")


def test_the_demo_makes_a_secured_instance_and_proves_it(fresh: Plane, first: str) -> None:
    assert "create instance demo" in first
    assert PROVED in first
    shown = fresh.json("show", "demo")
    assert (shown["status"], shown["sasl_mechanisms"]) == ("Running", ["SCRAM-SHA-512"])
    assert shown["bootstrap"]["private"] in first


def test_the_demo_tells_how_to_go_on(fresh: Plane, first: str) -> None:
    told = dict(line.split(maxsplit=1) for line in first.splitlines() if "  " in line.strip())
    bundle = Path(told["bundle"])
    assert (bundle / "client.truststore.jks").is_file()
    assert (fresh.settings.secrets / "prefect-login").is_file()
    password = fresh.succeeds(*told["password"].split()[1:])
    assert "demo_user" in password
    (_, following) = first.split("try next")
    assert [line.split()[1] for line in following.strip().splitlines()] == ["show", "logs", "run"]


def test_the_demo_proves_again_what_is_there(fresh: Plane, first: str) -> None:
    machines = fresh.instance_machines("demo")
    again = fresh.succeeds("demo")
    assert "instance demo is there already" in again
    assert "create instance" not in again
    assert PROVED in again
    assert fresh.instance_machines("demo") == machines


def test_the_logs_of_a_broker_are_shown_from_any_time(fresh: Plane, first: str) -> None:
    of_two = fresh.succeeds("logs", "demo", "2")
    assert "[KafkaServer id=2] started" in of_two
    assert "broker 1:" not in of_two
    of_all = fresh.succeeds("logs", "demo").splitlines()
    assert [line.split(":")[0] for line in of_all if STARTED in line] == [
        "broker 1",
        "broker 2",
        "broker 3",
    ]
    assert "QuorumPeer" in fresh.succeeds("logs", "demo", "1", "--unit", "zookeeper")
    assert STARTED not in fresh.succeeds("logs", "demo", "--since", "2099-01-01")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (["nobody"], 'instance "nobody": '),
        (["demo", "9"], "broker 9: accepted for kafka are 1, 2, 3"),
        (["demo", "--unit", "sshd"], 'unit "sshd": accepted are kafka, zookeeper'),
    ],
)
def test_logs_of_what_does_not_exist_are_refused(
    fresh: Plane, first: str, wish: list[str], sentence: str
) -> None:
    refused = fresh.fleet("logs", *wish)
    assert refused.returncode == 2
    assert sentence in refused.stderr


def test_clean_asks_before_it_removes_anything(fresh: Plane, first: str) -> None:
    asked = fresh.fleet("clean")
    assert asked.returncode != 0
    assert f"lab {fresh.settings.lab}" in asked.stdout
    assert str(fresh.settings.home) in asked.stdout
    assert fresh.json("show", "demo")["status"] == "Running"


def test_clean_leaves_nothing_of_this_home_and_all_of_the_others(
    plane: Plane, fresh: Plane, first: str
) -> None:
    machine = fresh.instance_machines("demo")[0]
    namespace, settings = fresh.machine_namespace(machine.name), fresh.settings
    assert in_namespace(namespace, "true").returncode == 0
    cleaned = fresh.succeeds("clean", "--yes")
    assert f"the cache {settings.cache} stays, because of other labs" in cleaned
    assert not settings.home.exists()
    assert not (settings.lab_root / settings.lab).exists()
    assert in_namespace(namespace, "true").returncode != 0
    assert not [name for name in names() if remembered(pid_file(settings, name))]
    assert plane.json("status")["up"]
    assert "there is nothing to remove" in fresh.succeeds("clean", "--yes")
