"""An instance is there after one command, also when its run was killed in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from flows.settings import CHECKOUT
from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane


def test_a_killed_creation_is_finished_by_the_same_command(plane: Plane, demo: Demo) -> None:
    history = plane.json("history", "demo")
    assert [row["status"] for row in history] == ["successful", "interrupted"]
    assert demo.interrupted[0]["status"] == "interrupted"
    machines = tuple(machine.name for machine in plane.instance_machines("demo"))
    assert machines == demo.machines_before


def test_show_has_what_scripts_need(plane: Plane, demo: Demo) -> None:
    shown = plane.json("show", "demo")
    assert shown["status"] == "Running"
    assert [broker["id"] for broker in shown["brokers"]] == [1, 2, 3]
    addresses = [f"{broker['address']}:9093" for broker in shown["brokers"]]
    assert shown["bootstrap"] == {
        "private": ",".join(addresses),
        "public": None,
        "cross_network": None,
    }
    assert shown["sasl_mechanisms"] == ["SCRAM-SHA-512", "PLAIN"]
    assert {line["name"] for line in plane.json("ls")} == {"demo"}


def test_the_same_request_is_nothing_to_do(plane: Plane, demo: Demo) -> None:
    wish = ("sasl_ssl=true", "sasl_plain=true", "first_user=alice", "tags=team=search")
    told = plane.succeeds("run", "create-instance", "name=demo", *wish)
    assert "nothing to do" in told


def test_the_credentials_are_the_ones_that_were_given(plane: Plane, demo: Demo) -> None:
    assert plane.json("credentials", "demo") == {"user": "alice", "password": "Sturdy-Words-42"}
    names = [trace.name for trace in plane.doors.records.traces()]
    assert any("Credentials" in name for name in names)


def test_what_nobody_enforces_yet_is_said(plane: Plane, demo: Demo) -> None:
    shown = plane.succeeds("show", "demo")
    assert "recorded, not yet enforced" in shown
    assert "recorded, not enforced by the lab" in shown


def test_ansible_reaches_the_machines_by_the_inventory(plane: Plane, demo: Demo) -> None:
    ansible = str(Path(sys.executable).parent / "ansible")
    command = [
        ansible,
        "-i",
        "inventories/instances.py",
        "demo",
        "-a",
        "cat /etc/kafka-fleet/owner",
    ]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, **plane.environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines().count(demo.instance.id) == 3
