"""What a death of the control plane leaves in Prefect's books, put right.

Prefect shows a run as Running for ever when its process and its worker died together. Locks do not
hang on these states: an operation whose process is gone is taken over by the next one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.doors.controlplane.prefect_settings import POOL
from flows.doors.controlplane.processes import environments
from flows.doors.prefect_api import Json, PrefectApi

ENGINE = "prefect.engine"
MISSED_AFTER = timedelta(minutes=1)

_BUSY = ("RUNNING", "PENDING", "CANCELLING")
_IN_OUR_POOL = {"work_pools": {"name": {"any_": [POOL]}}}
_GONE = {
    "type": "CRASHED",
    "name": "Crashed",
    "message": "The process of this run is gone; run the operation again to finish it.",
}
_AGAIN = {"type": "SCHEDULED", "name": "Scheduled", "message": "Taken again by a new worker."}


def reconcile(api: PrefectApi) -> str:
    """To be called while no worker lives. One sentence says what was done.

    Runs without a process are Crashed, or taken again when they had not begun; scheduled runs
    whose time has passed are gone, because all at once they would only push each other away; and
    no place in a schedule's limit is held by nobody.
    """
    busy = busy_runs(api)
    alive = [run for run in busy if _is_alive(str(run["id"]))]
    dead = [run for run in busy if run not in alive]
    for run in dead:
        state = _AGAIN if run["state_type"] == "PENDING" else _GONE
        api.post(f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    _free_places(api, {run["deployment_id"] for run in alive})
    missed = _missed(api)
    for run in missed:
        api.delete(f"/flow_runs/{run['id']}")
    return f"{len(dead)} runs had no process any more, {len(missed)} scheduled runs were missed"


def busy_runs(api: PrefectApi) -> list[Json]:
    """The runs that hold a process, or are about to."""
    states = {"state": {"type": {"any_": list(_BUSY)}}}
    return list(api.post("/flow_runs/filter", {**_IN_OUR_POOL, "flow_runs": states}))


def _free_places(api: PrefectApi, carried: Collection[str | None]) -> None:
    """Prefect loses count when its server dies in between: then a schedule never runs again."""
    for deployment in api.post("/deployments/filter", _IN_OUR_POOL):
        limit = deployment["global_concurrency_limit"]
        if limit and limit["active_slots"] and deployment["id"] not in carried:
            api.patch(f"/v2/concurrency_limits/{limit['id']}", {"active_slots": 0})


def _missed(api: PrefectApi) -> list[Json]:
    before = (datetime.now(UTC) - MISSED_AFTER).isoformat()
    wanted = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "next_scheduled_start_time": {"before_": before},
    }
    found = api.post("/flow_runs/filter", {**_IN_OUR_POOL, "flow_runs": wanted})
    return [run for run in found if run["auto_scheduled"]]


def _is_alive(run_id: str) -> bool:
    """Whether an engine carries the run. Its children inherit the mark, but are no engines."""
    mark = f"PREFECT__FLOW_RUN_ID={run_id}"
    return any(mark in text and _is_engine(pid) for pid, text in environments())


def _is_engine(pid: int) -> bool:
    try:
        return ENGINE in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return False
