"""Refusals come in the same words through every door, and leave a trace and nothing else."""

from __future__ import annotations

import pytest

from flows.adapters.stage import PlainStage
from flows.domain.errors import Refused
from flows.domain.operations import Caller, Door
from flows.instances.create_instance import create_instance
from flows.procedures.conduct import conduct
from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane

SHORT = 'name "abc": it has 3 characters, 4 to 64 are accepted'


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (["name=abc"], SHORT),
        (["name=demo", "brokers=4"], "exists with other parameters"),
        (["name=huge", "flavor=kafka.16u32g.cluster", "brokers=50"], "MB free"),
    ],
)
def test_the_command_refuses_with_2_and_one_sentence(
    plane: Plane, demo: Demo, wish: list[str], sentence: str
) -> None:
    before = plane.json("ls")
    refused = plane.fleet("run", "create-instance", *wish)
    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert plane.json("ls") == before
    assert plane.json("history")[0]["status"] == "refused"


def test_python_refuses_in_the_same_words(plane: Plane, demo: Demo) -> None:
    doors = plane.doors
    caller = Caller("a test", Door.PYTHON, doors.processes.here("test", "none"))
    with pytest.raises(Refused) as refused:
        conduct(create_instance, doors, {"name": "abc"}, caller, PlainStage())
    assert str(refused.value) == SHORT
    assert plane.json("history")[0]["door"] == "python"
    assert doors.records.traces()[-1].name == "createDMSInstanceOrderFailure"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"disk_encryption": "on"}, "the lab cannot encrypt disks"),
        ({"network": "office"}, 'network "office": the lab has only "lab"'),
        ({"subnet": "office-1"}, 'subnet "office-1": the lab has only "lab-lan"'),
        ({"security_group": "dmz"}, 'security_group "dmz": the lab has only "default"'),
        ({"storage_per_broker": 90_000}, "GB free"),
    ],
)
def test_the_lab_refuses_by_name_what_it_cannot_do(
    plane: Plane, demo: Demo, wish: dict[str, object], sentence: str
) -> None:
    doors = plane.doors
    caller = Caller("a test", Door.PYTHON, doors.processes.here("test", "none"))
    with pytest.raises(Refused) as refused:
        conduct(create_instance, doors, {"name": "other", **wish}, caller, PlainStage())
    assert sentence in str(refused.value)
    assert doors.records.find("other") is None


def test_a_plan_changes_nothing_and_can_be_approved(plane: Plane, demo: Demo) -> None:
    shown = plane.succeeds("run", "create-instance", "name=later", "plan_only=true")
    assert "Plan hash" in shown
    refused = plane.fleet("run", "create-instance", "name=later", "approved_plan=000000000000")
    assert refused.returncode == 2
    assert "the plan is" in refused.stderr
    assert {line["name"] for line in plane.json("ls")} <= {"demo", "plain"}
