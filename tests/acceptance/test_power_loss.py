"""The power fails under everything at once, a creation in its middle; `up` brings it all back.

Machines, their network and all processes of the control plane are gone from one moment to the
next, and files lie as they were. The host itself keeps running, so what it had not yet written to
its disks is not lost here, as it would be by a real power loss: Kafka relies on replicas in other
machines for that, and a power loss of all of them at once can cost the last seconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any

import pytest

from flows.domain.instance import Status
from flows.doors.controlplane.processes import environments, process
from flows.doors.prefect_api import flow_run, open_api
from flows.monitoring.check_health import sweep
from tests.acceptance.parts import Demo, client, plays_of
from tests.acceptance.plane import Plane, wait_until

pytestmark = pytest.mark.slow
"""Minutes that the 35 of `./fleet test` do not have."""

MESSAGES = 300
BACK_SECONDS = 600
"""For a creation to reach its playbooks, and for every broker to be well after `up`: two starts of
Kafka fit in, also on a machine whose cores others use."""


def test_everything_comes_back_by_itself_after_a_power_loss(plane: Plane, demo: Demo) -> None:
    lan, settings = plane.lab.client("lan").netns, demo.settings()
    where: dict[str, Any] = {"settings": settings, "topic": "power"}
    assert client(lan, verb="create_topic", **where) == "ok"
    sent = client(lan, verb="produce_and_consume", messages=MESSAGES, **where)
    assert sent["acknowledged"] == MESSAGES
    asking, run_id = _begin_a_creation(plane)
    _fail_the_power(plane)
    asking.communicate(timeout=180)
    assert not plane.lab.status().up

    told = plane.succeeds("up")
    (line,) = plane.json("history", "dawn")
    assert line["status"] == "interrupted"
    sentence = (
        f"create-instance, asked for by {line['asked_by']}, was interrupted: ask for the same "
        "again and it goes on, or remove it with delete-instance"
    )
    assert f"dawn is Creating: {sentence}" in told
    plane.succeeds("status")
    with open_api(plane.settings) as api:
        seen = flow_run(api, run_id)["state"]
    assert (seen["type"], seen["message"]) == (
        "CRASHED",
        "The process of this run is gone; run the operation again to finish it.",
    )
    lines = {line["name"]: line for line in plane.json("ls")}
    assert (lines["dawn"]["status"], lines["dawn"]["reason"]) == ("Creating", sentence)
    assert plane.json("show", "dawn")["reason"] == sentence

    wait_until(lambda: _is_well(plane), "the instance runs again", BACK_SECONDS)
    assert client(lan, verb="read_all", messages=MESSAGES, **where) == MESSAGES
    plane.ask("delete-instance", "instance=dawn", "confirm=dawn")
    assert "dawn" not in [line["name"] for line in plane.json("ls")]
    assert not [machine for machine in plane.lab.machines() if not machine.running]


def _begin_a_creation(plane: Plane) -> tuple[subprocess.Popen[str], str]:
    """`dawn` is being created: a playbook runs. Answers who asked, and the run's id."""
    asking = plane.start("run", "create-instance", "name=dawn")

    def playing() -> str | None:
        row = plane.doors.records.find("dawn")
        holder = plane.doors.records.holder(row.id) if row else None
        return holder.caller.run.id if holder and plays_of(holder.caller.run.pid) else None

    return asking, str(wait_until(playing, "a playbook of the creation runs", BACK_SECONDS))


def _fail_the_power(plane: Plane) -> None:
    """The supervisor first, so that nobody is there who would start the others again."""
    for name in ("supervisor", ""):
        for pid in _processes_of(plane, name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    plane.lab.lose_power()
    wait_until(lambda: not _processes_of(plane), "every process has ended", 90)


def _processes_of(plane: Plane, name: str = "") -> list[int]:
    """The living processes of this home whose command line holds the name."""
    mark = f"FLEET_HOME={plane.settings.home}\0"
    found = [pid for pid, text in environments() if mark in text and pid != os.getpid()]
    return [pid for pid in found if process(pid) and name in _command_line(pid)]


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
        return file.read()
    return ""


def _is_well(plane: Plane) -> bool:
    """`Running`, as a sweep just now has found."""
    sweep(plane.doors)
    row = plane.doors.records.find("demo")
    assert row is not None
    return row.status is Status.RUNNING
