"""The doors on a real Prefect server with a real worker: runs, refusals, races, secrets, deaths."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.domain.errors import EffectFailed
from flows.doors.cli.running import start
from flows.doors.controlplane.down import down
from flows.doors.controlplane.prefect_settings import POOL
from flows.doors.controlplane.processes import Process, environments, process
from flows.doors.controlplane.progress import StepLines
from flows.doors.controlplane.reconcile import busy_runs, reconcile
from flows.doors.controlplane.status import status
from flows.doors.controlplane.up import up
from flows.doors.deployments import CHECK_HEALTH, deployments, register
from flows.doors.follow import RunSeen, follow
from flows.doors.lost_secrets import forget_lost_secrets
from flows.doors.prefect_api import PrefectApi, Unreachable, deployment, flow_run, pages, ui_link
from flows.doors.schedules import pause_schedules
from flows.doors.secret_blocks import leave_secrets, take_back
from flows.doors.sweeps import forget_old_sweeps
from flows.doors.wiring import open_records
from tests.doors import races, toys
from tests.doors.conftest import ControlPlane

SECRET = "Seeded-4-secret"
CREATE = ("create-instance", "Create instance")
TOY = ("play-toy", "Play toy")
SWEEP = (CHECK_HEALTH.flow, CHECK_HEALTH.title)

Ends = Mapping[str, RunSeen]


@pytest.fixture(scope="module")
def ends(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Ends:
    """One run of each kind, all at once, at their ends."""
    api = control_plane.api
    password = tmp_path_factory.mktemp("typed") / "password"
    password.write_text(f"{SECRET}\n")
    typed = {"name": "bear", "parts": "head,belly", "password": f"@{password}"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUDO_USER", "ann")
        well = start(api, toys.toy, typed)
    ids = {
        "well": well,
        "failed": _start(api, TOY, _request(name="bear", ending="failed")),
        "defect": _start(api, TOY, _request(name="bear", ending="defect")),
        "unwilling": _start(api, TOY, _request(name="bear", ending="refused")),
        "wrong type": _start(api, CREATE, _request(name="demo", brokers="many")),
    }
    seen = follow(api, list(ids.values()), lambda runs: None)
    return dict(zip(ids, seen, strict=True))


def test_a_run_ends_with_the_sentence_of_its_operation(ends: Ends) -> None:
    seen = ends["well"]
    assert (seen.state, seen.exit_code) == ("COMPLETED", 0)
    assert seen.message == "2 parts, asked by ann through cli, in the main thread"
    assert seen.name == "play with bear"


def test_steps_are_task_runs_under_their_titles(ends: Ends) -> None:
    steps = [(step.title, step.state) for step in ends["well"].steps]
    assert steps == [("count {the} parts", "completed"), ("play", "completed")]


def test_pages_and_lines_stay_with_the_run(control_plane: ControlPlane, ends: Ends) -> None:
    run_id = ends["well"].id
    assert pages(control_plane.api, run_id) == {"report": "# Played with bear"}
    assert "bear was played with" in _log(control_plane.api, run_id)


def test_a_failure_ends_as_failed_with_its_sentence_and_no_traceback(
    control_plane: ControlPlane, ends: Ends
) -> None:
    seen = ends["failed"]
    assert (seen.state_name, seen.message, seen.exit_code) == ("Failed", "bear: it broke", 1)
    assert seen.steps[-1].state == "failed"
    assert "Traceback" not in _log(control_plane.api, seen.id)


def test_a_defect_keeps_its_traceback(control_plane: ControlPlane, ends: Ends) -> None:
    seen = ends["defect"]
    assert seen.exit_code == 1
    log = _log(control_plane.api, seen.id)
    assert "Traceback" in log
    assert "ZeroDivisionError: nobody expected this" in log


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("unwilling", "bear: it does not want to"),
        ("wrong type", "brokers"),
    ],
)
def test_a_refusal_is_said_in_our_words_through_every_door(
    control_plane: ControlPlane, ends: Ends, name: str, sentence: str
) -> None:
    seen = ends[name]
    assert (seen.state, seen.state_name, seen.exit_code) == ("FAILED", "Refused", 2)
    assert sentence in seen.message
    assert "Traceback" not in _log(control_plane.api, seen.id)


@pytest.fixture(scope="module")
def swept(control_plane: ControlPlane) -> RunSeen:
    """A sweep of ours; the scheduled one may run just then: one at a time, the newer goes."""
    api = control_plane.api
    seen: list[RunSeen] = []

    def ran() -> bool:
        seen[:] = follow(api, [_start(api, SWEEP, {})], lambda runs: None)
        return seen[0].state != "CANCELLED"

    _until(ran)
    return seen[0]


def test_the_sweep_runs_without_any_instance(swept: RunSeen) -> None:
    assert (swept.state, swept.message) == ("COMPLETED", "0 instances looked at")


def test_the_schedule_makes_runs_with_the_pinned_versions(control_plane: ControlPlane) -> None:
    """SQLAlchemy 2.1 silences Prefect's scheduler; FastAPI 0.155 breaks its server."""
    assert _version("sqlalchemy") < (2, 1)
    assert (0, 139) <= _version("fastapi") < (0, 151)
    wanted = {"flows": {"name": {"any_": [CHECK_HEALTH.flow]}}}
    scheduled = {**wanted, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    found = _eventually(lambda: control_plane.api.post("/flow_runs/filter", scheduled))
    assert all(run["auto_scheduled"] for run in found)
    registered = deployment(control_plane.api, *SWEEP)
    assert registered["global_concurrency_limit"]["limit"] == 1
    assert registered["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_old_sweeps_are_forgotten_and_young_ones_kept(
    control_plane: ControlPlane, ends: Ends, swept: RunSeen
) -> None:
    api, now = control_plane.api, datetime.now(UTC)
    assert forget_old_sweeps(api, now) == 0
    assert forget_old_sweeps(api, now + timedelta(hours=2)) >= 1
    assert api.find(f"/flow_runs/{swept.id}") is None
    assert api.find(f"/flow_runs/{ends['well'].id}") is not None


def test_deployments_read_well_and_start_python_once(control_plane: ControlPlane) -> None:
    found = deployment(control_plane.api, *CREATE)
    assert found["description"].startswith("Create a Kafka instance")
    assert found["tags"] == ["instances"]
    assert found["enforce_parameter_schema"] is False
    assert found["job_variables"]["stream_output"] is False
    assert found["job_variables"]["command"].endswith(" -m prefect.engine")


def test_a_deployment_is_registered_anew_only_when_it_is_another_one(
    control_plane: ControlPlane,
) -> None:
    api, ours = control_plane.api, [*deployments(), toys.DEPLOYMENT, races.DEPLOYMENT]

    def description() -> str:
        return str(deployment(api, *CREATE)["description"])

    words, place = description(), f"/deployments/{deployment(api, *CREATE)['id']}"
    try:
        api.patch(place, {"description": "as somebody changed it"})
        register(api, ours)
        left_alone = description()
        others = [replace(each, description="as a newer program says") for each in ours]
        register(api, others)
        renewed = description()
    finally:
        register(api, ours)
    assert (left_alone, renewed) == ("as somebody changed it", "as a newer program says")
    assert description() == words


def test_the_command_says_a_refusal_in_one_sentence_and_it_is_remembered(
    control_plane: ControlPlane,
) -> None:
    ended = _fleet("run", "create-instance", "name=abc")
    sentence = 'name "abc": it has 3 characters, 4 to 64 are accepted'
    assert (ended.returncode, ended.stderr, ended.stdout) == (2, f"{sentence}\n", "")
    (line, *_) = json.loads(_fleet("history", "--json").stdout)
    assert line["reason"] == sentence
    assert (line["operation"], line["status"], line["door"]) == (*CREATE[:1], "refused", "cli")
    assert line["asked_by"]
    assert line["run"].startswith(f"http://127.0.0.1:{control_plane.settings.prefect_port}/v2/")


def test_a_secret_reaches_the_server_as_a_reference_only(
    control_plane: ControlPlane, ends: Ends
) -> None:
    api = control_plane.api
    assert ends["well"].exit_code == 0
    given = flow_run(api, ends["well"].id)["parameters"]["request"]
    assert given["password"].startswith("fleet-run-")
    where = f"/block_types/slug/secret/block_documents/name/{given['password']}"
    assert api.get(f"{where}?include_secrets=true")["data"]["value"] == SECRET
    assert not _files_with(control_plane.settings.home, SECRET)
    take_back(api, {"password": given["password"]})
    assert api.find(where) is None


def test_secrets_that_nobody_will_ask_for_are_forgotten_after_an_hour(
    control_plane: ControlPlane,
) -> None:
    """A run to come and a person's own block keep theirs."""
    api, now = control_plane.api, datetime.now(UTC)
    records = open_records(control_plane.settings)
    blocks = leave_secrets(api, {"lost": SECRET, "needed": SECRET})
    later = (now + timedelta(days=1)).isoformat()
    body = {**_request(password=blocks["needed"]), "state": _scheduled(later)}
    run_id = _start(api, TOY, body)
    assert forget_lost_secrets(api, records, now) == 0
    assert forget_lost_secrets(api, records, now + timedelta(hours=2)) == 1
    where = "/block_types/slug/secret/block_documents/name"
    assert api.find(f"{where}/{blocks['lost']}") is None
    assert api.find(f"{where}/{blocks['needed']}") is not None
    api.delete(f"/flow_runs/{run_id}")
    assert forget_lost_secrets(api, records, now + timedelta(hours=2)) == 1


def test_the_key_of_secrets_is_neither_in_the_database_nor_in_an_environment(
    control_plane: ControlPlane,
) -> None:
    blocks = leave_secrets(control_plane.api, {"password": SECRET})
    key = (control_plane.settings.secrets / "prefect-encryption-key").read_text().strip()
    keeper = control_plane.settings.secrets / "prefect-encryption-key"
    assert _files_with(control_plane.settings.home, key) == [keeper]
    assert not [pid for pid, text in environments() if key in text]
    take_back(control_plane.api, blocks)


def test_a_wrong_login_and_a_closed_port_are_told_apart(control_plane: ControlPlane) -> None:
    url = control_plane.settings.prefect_api
    with PrefectApi(url, "fleet:wrong") as api, pytest.raises(EffectFailed) as failed:
        api.get("/flow_runs/1")
    assert "another control plane listens on this port" in str(failed.value)
    with PrefectApi("http://127.0.0.1:9/api", "a:b") as api, pytest.raises(Unreachable) as silent:
        api.post("/flow_runs/filter", {})
    assert "`fleet up` starts it" in str(silent.value)


def test_a_run_outlives_server_worker_and_supervisor(control_plane: ControlPlane) -> None:
    """All three are killed in its middle; it ends well, and `up` finds everything running."""
    api = control_plane.api
    run_id = _start(api, TOY, _request(name="bear", seconds=12))
    _until(lambda: flow_run(api, run_id)["state_type"] == "RUNNING")
    before = {name: control_plane.process(name) for name in ("server", "worker", "supervisor")}
    engine = _engine_of(run_id)
    assert Path(f"/proc/{engine.pid}/cwd").readlink() == Path("/")  # no directory in /tmp
    api.patch(f"/work_pools/{POOL}", {"is_paused": True})
    for name in ("supervisor", "worker", "server"):
        os.kill(before[name].pid, signal.SIGKILL)
    up(control_plane.settings, StepLines(io.StringIO()), with_lab=False)
    (seen,) = follow(api, [run_id], lambda runs: None)
    assert (seen.state, seen.message[:7]) == ("COMPLETED", "0 parts")
    assert status(control_plane.settings).up
    assert api.get(f"/work_pools/{POOL}")["is_paused"] is False
    assert not [name for name, old in before.items() if control_plane.process(name) == old]


def test_a_limit_whose_place_nobody_holds_is_freed(control_plane: ControlPlane) -> None:
    """Prefect counts places and leases apart; a death in between would stop the sweep for ever."""
    api = control_plane.api
    api.patch(f"/work_pools/{POOL}", {"is_paused": True})
    _until(lambda: not [run for run in busy_runs(api) if run["flow_name"] == CHECK_HEALTH.flow])
    limit = deployment(api, *SWEEP)["global_concurrency_limit"]
    api.patch(f"/v2/concurrency_limits/{limit['id']}", {"active_slots": 1})
    reconcile(api)
    assert deployment(api, *SWEEP)["global_concurrency_limit"]["active_slots"] == 0
    api.patch(f"/work_pools/{POOL}", {"is_paused": False})


def test_a_run_whose_engine_died_with_the_worker_is_crashed(control_plane: ControlPlane) -> None:
    api = control_plane.api
    run_id = _start(api, TOY, _request(name="bear", seconds=60))
    _until(lambda: flow_run(api, run_id)["state_type"] == "RUNNING")
    engine = _engine_of(run_id)
    server = control_plane.process("server")
    os.kill(control_plane.process("worker").pid, signal.SIGKILL)
    os.kill(engine.pid, signal.SIGKILL)
    (seen,) = follow(api, [run_id], lambda runs: None)
    assert seen.message == "The process of this run is gone; run the operation again to finish it."
    assert (seen.state, seen.exit_code) == ("CRASHED", 1)
    assert control_plane.process("server") == server


@pytest.mark.slow
def test_a_run_that_lost_its_engine_and_all_watchers_but_the_server_is_crashed(
    control_plane: ControlPlane,
) -> None:
    """Nobody reports its end and nobody asks: the missing heartbeat does, after 150 s."""
    api = control_plane.api
    run_id = _start(api, TOY, _request(name="bear", seconds=60))
    _until(lambda: _heartbeats(api, run_id) > 0)
    for name in ("supervisor", "worker"):
        os.kill(control_plane.process(name).pid, signal.SIGKILL)
    os.kill(_engine_of(run_id).pid, signal.SIGKILL)
    _eventually(lambda: flow_run(api, run_id)["state_type"] == "CRASHED", 400)
    assert flow_run(api, run_id)["state"]["message"].startswith("No heartbeat")
    up(control_plane.settings, StepLines(io.StringIO()), with_lab=False)


def test_one_of_two_doors_has_the_instance_and_the_other_is_refused_by_name(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rounds at once, so that the moments differ from round to round."""
    monkeypatch.setenv("SUDO_USER", "ann")
    pairs = [_ask_twice(control_plane, f"race-{number}") for number in range(2)]
    seen = follow(control_plane.api, [run for pair in pairs for run in pair], lambda runs: None)
    ends = {run.id: run for run in seen}
    for number, pair in enumerate(pairs):
        _check_race(control_plane, f"race-{number}", [ends[run] for run in pair])


def test_paused_schedules_start_nothing_by_themselves(control_plane: ControlPlane) -> None:
    api = control_plane.api
    waiting = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    assert _eventually(lambda: api.post("/flow_runs/filter", waiting))
    pause_schedules(control_plane.settings)
    assert not [run for run in api.post("/flow_runs/filter", waiting) if run["auto_scheduled"]]
    by_itself = [each for each in api.post("/deployments/filter", {}) if each["schedules"]]
    assert by_itself
    assert all(each["paused"] for each in by_itself)


def test_down_waits_for_runs_and_leaves_no_process(control_plane: ControlPlane) -> None:
    """The last one: the control plane is gone after it."""
    api = control_plane.api
    _until(lambda: status(control_plane.settings).up)
    run_id = _start(api, TOY, _request(name="bear", seconds=3))
    _until(lambda: flow_run(api, run_id)["state_type"] == "RUNNING")
    engine = _engine_of(run_id)
    told = io.StringIO()
    down(control_plane.settings, StepLines(told))
    assert not engine.alive()
    assert "play with bear" in told.getvalue()
    assert not status(control_plane.settings).up
    assert _state_in_the_books(control_plane.settings.home, run_id) == "COMPLETED"


def _request(**fields: Any) -> dict[str, Any]:
    return {"parameters": {"request": fields}}


def _scheduled(moment: str) -> Mapping[str, Any]:
    return {"type": "SCHEDULED", "state_details": {"scheduled_time": moment}}


def _start(api: PrefectApi, target: tuple[str, str], body: Mapping[str, Any]) -> str:
    found = deployment(api, *target)
    return str(api.post(f"/deployments/{found['id']}/create_flow_run", body)["id"])


def _log(api: PrefectApi, run_id: str) -> str:
    """All lines of a run; they arrive a moment after its end."""
    wanted = {"logs": {"flow_run_id": {"any_": [run_id]}}, "limit": 200}

    def ended() -> str:
        text = "\n".join(line["message"] for line in api.post("/logs/filter", wanted))
        return text if "Finished in state" in text else ""

    return str(_eventually(ended))


def _heartbeats(api: PrefectApi, run_id: str) -> int:
    """How many the server has seen: of a run that died before its first one it misses none."""
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run_id}"]},
    }
    return int(api.post("/events/filter", {"filter": wanted})["total"])


def _eventually(question: Callable[[], Any], seconds: float = 60) -> Any:
    """The first answer that is not empty."""
    limit = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < limit, "it did not come true in time"
        time.sleep(0.2)
    return answer


def _until(question: Callable[[], bool]) -> None:
    _eventually(question, 120)


def _state_in_the_books(home: Path, run_id: str) -> str:
    """What Prefect's database says once its server is gone."""
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as books:
        found = books.execute("SELECT state_type FROM flow_run WHERE id = ?", (run_id,)).fetchone()
    return str(found[0])


def _engine_of(run_id: str) -> Process:
    mark = f"PREFECT__FLOW_RUN_ID={run_id}"
    (pid,) = [pid for pid, text in environments() if mark in text]
    found = process(pid)
    assert found is not None
    return found


def _files_with(directory: Path, text: str) -> list[Path]:
    needle = text.encode()
    return [path for path in directory.rglob("*") if path.is_file() and needle in path.read_bytes()]


def _version(package: str) -> tuple[int, ...]:
    return tuple(int(part) for part in importlib.metadata.version(package).split(".")[:2])


def _fleet(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-P", "-m", "flows.doors.cli", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def _ask_twice(control_plane: ControlPlane, name: str) -> tuple[str, str]:
    """The runs of a command and of the UI."""
    api, race = control_plane.api, races.race
    by_command = start(api, race, {"name": name})
    id = deployment(api, race.name, race.title)["id"]
    wish = {"parameters": {"request": {"name": name}}}
    return by_command, str(api.post(f"/deployments/{id}/create_flow_run", wish)["id"])


def _check_race(control_plane: ControlPlane, name: str, ends: list[RunSeen]) -> None:
    messages = [(end.state_name, end.message) for end in ends]
    assert races.WON in [message for _, message in messages], messages
    (winner,) = [end for end in ends if end.message == races.WON]
    (loser,) = [end for end in ends if end.state_name == "Refused"]
    records = open_records(control_plane.settings)
    history = records.history(name)
    assert [line.held for line in history].count(True) == 1, history
    (held,) = [line for line in history if line.held]
    assert held.caller.run.id == winner.id
    link = ui_link(control_plane.settings, winner.id)
    assert re.fullmatch(
        rf'instance "{name}": race-to-create is running on it, asked for by '
        rf"{held.caller.asked_by}, started [^,]* UTC, see {link}; "
        "one changing operation at a time is accepted",
        loser.message,
    )
    assert records.find(name) is None
