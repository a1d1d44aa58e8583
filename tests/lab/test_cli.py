"""`fleet lab`: what a person sees, and what a script can rely on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from inventories.lab import Lab
from inventories.lab.cli import app

pytestmark = pytest.mark.lab


def fleet_lab(lab: Lab, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--lab", lab.name, *arguments])


@pytest.fixture
def unborn() -> Iterator[Lab]:
    made = Lab(f"labtest-{os.getpid()}-cli")
    try:
        yield made
    finally:
        made.destroy()


def test_status_shows_machines_with_nominal_and_real_sizes(lab: Lab) -> None:
    shown = fleet_lab(lab, "status")
    assert shown.exit_code == 0
    assert f"lab {lab.name}: up, LAN {lab.plan.lan}" in shown.output
    assert "lab factor: memory x 0.25, disk set aside x 0.02" in shown.output
    assert "2048 MB (512 here)" in shown.output
    seen = json.loads(fleet_lab(lab, "status", "--json").output)
    assert [machine["name"] for machine in seen["machines"]] == ["a", "b"]


def test_verbs_do_what_they_say(lab: Lab) -> None:
    eip = str(lab.plan.eips[40])
    assert fleet_lab(lab, "eip", "assign", eip, "b").exit_code == 0
    assert fleet_lab(lab, "eip", "list").output == f"{eip}  b\n"
    assert fleet_lab(lab, "eip", "release", eip).exit_code == 0
    assert fleet_lab(lab, "eip", "list").output == ""
    assert fleet_lab(lab, "group", "set", "shell", "10.0.0.0/8=22,9000-9999").exit_code == 0
    assert "shell  from 10.0.0.0/8  ports 22, 9000-9999" in fleet_lab(lab, "group", "list").output
    assert fleet_lab(lab, "freeze", "b").exit_code == 0
    assert "frozen" in fleet_lab(lab, "status").output
    assert fleet_lab(lab, "thaw", "b").exit_code == 0
    assert json.loads(fleet_lab(lab, "room", "--json").output)["addresses"] > 0


def test_a_refusal_is_one_sentence_and_exit_code_2(lab: Lab) -> None:
    refused = fleet_lab(lab, "start", "nobody")
    assert (refused.exit_code, refused.stderr) == (2, f"lab {lab.name} has no machine nobody\n")
    rule = fleet_lab(lab, "group", "set", "odd", "everyone")
    assert rule.exit_code == 2
    assert "rule 'everyone' must be SOURCE=PORT,FIRST-LAST" in rule.stderr
    size = fleet_lab(lab, "resize", "b", "--vcpus", "0", "--memory-mb", "2048")
    assert (size.exit_code, "vcpus: Input should be" in size.stderr) == (2, True)


def test_a_lab_that_does_not_exist_is_said(unborn: Lab) -> None:
    missing = fleet_lab(unborn, "status")
    assert missing.exit_code == 1
    assert "has no addresses yet: bring it up first" in missing.stderr
    assert fleet_lab(unborn, "destroy", "--yes").exit_code == 0
