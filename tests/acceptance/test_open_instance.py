"""An instance without SASL_SSL: open to its network, and to nobody's administration."""

from __future__ import annotations

from pathlib import Path

from flows.monitoring.check_health import sweep
from tests.acceptance.parts import client, python_sample
from tests.acceptance.plane import Plane
from tests.acceptance.test_permissions import REFUSED


def test_clients_produce_and_consume_but_do_not_administrate(plane: Plane, plain: str) -> None:
    lan = plane.lab.client("lan").netns
    settings = {"bootstrap.servers": plane.json("show", plain)["bootstrap"]["private"]}
    assert settings["bootstrap.servers"].count(":9092") == 3
    assert client(lan, verb="create_topic", settings=settings, topic="open") == "ok"
    answer = client(lan, verb="produce_and_consume", settings=settings, topic="open", messages=9)
    assert answer == {"acknowledged": 9, "consumed": 9}
    sweep(plane.doors)
    assert client(lan, verb="try_everything", settings=settings, others_topic="open") == REFUSED


def test_the_python_sample_runs_as_it_is(plane: Plane, plain: str, scratch: Path) -> None:
    plane.succeeds("bundle", plain, "-o", str(scratch / "bundle"))
    python_sample(plane.lab.client("lan").netns, scratch / "bundle", "open")


def test_its_brokers_are_spread_over_the_zones(plane: Plane, plain: str) -> None:
    zones = [broker["zone"] for broker in plane.json("show", plain)["brokers"]]
    assert len(set(zones)) == 3


def test_it_goes_within_seconds(plane: Plane, plain: str) -> None:
    machines = [machine.name for machine in plane.instance_machines(plain)]
    plane.ask("delete-instance", f"instance={plain}", f"confirm={plain}")
    assert not [name for name in machines if plane.lab.show(name)]
    assert plain not in {line["name"] for line in plane.json("ls")}
