"""Refusals come in the same words through every door, and leave a trace and nothing else."""

from __future__ import annotations

import pytest

from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane

SHORT = 'name "abc": it has 3 characters, 4 to 64 are accepted'


def test_the_command_refuses_with_2_and_one_sentence(plane: Plane, demo: Demo) -> None:
    before = plane.json("ls")
    refused = plane.fleet("run", "create-instance", "name=abc")
    assert (refused.returncode, refused.stderr) == (2, f"{SHORT}\n")
    assert plane.json("ls") == before
    assert plane.json("history")[0]["status"] == "refused"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (["name=abc"], SHORT),
        (["name=demo", "brokers=4"], "exists with other parameters"),
        (["name=huge", "flavor=kafka.16u32g.cluster", "brokers=50"], "MB free"),
    ],
)
def test_python_refuses_in_the_same_words(
    plane: Plane, demo: Demo, wish: list[str], sentence: str
) -> None:
    before = plane.json("ls")
    assert sentence in plane.refused("create-instance", *wish)
    assert plane.json("ls") == before
    assert plane.json("history")[0]["door"] == "python"
    assert plane.doors.records.traces()[-1].name == "createDMSInstanceOrderFailure"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("disk_encryption=on", "the lab cannot encrypt disks"),
        ("network=office", 'network "office": the lab has only "lab"'),
        ("subnet=office-1", 'subnet "office-1": the lab has only "lab-lan"'),
        ("security_group=dmz", 'security_group "dmz": the lab has only "default"'),
        ("storage_per_broker=90000", "GB free"),
    ],
)
def test_the_lab_refuses_by_name_what_it_cannot_do(
    plane: Plane, demo: Demo, wish: str, sentence: str
) -> None:
    assert sentence in plane.refused("create-instance", "name=other", wish)
    assert plane.doors.records.find("other") is None


def test_a_plan_changes_nothing_and_can_be_approved(plane: Plane, demo: Demo) -> None:
    shown = plane.succeeds("run", "create-instance", "name=later", "plan_only=true")
    assert "Plan hash" in shown
    refused = plane.refused("create-instance", "name=later", "approved_plan=000000000000")
    assert "the plan is" in refused
    assert {line["name"] for line in plane.json("ls")} <= {"demo", "plain"}
