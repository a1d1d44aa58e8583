"""What a death of the control plane leaves in Prefect's books, put right.

Prefect shows a run as Running for ever when its process and its worker died together. Locks do not
hang on these states: an operation whose process is gone is taken over by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.doors.controlplane.prefect_settings import POOL
from flows.doors.controlplane.processes import environments
from flows.doors.prefect_api import Json, PrefectApi, open_api
from flows.settings import load_settings

ENGINE = "prefect.engine"
MISSED_AFTER = timedelta(minutes=1)
_BUSY = ("RUNNING", "PENDING", "CANCELLING")
_GONE = "The process of this run is gone; run the operation again to finish it."
_IN_OUR_POOL = {"work_pools": {"name": {"any_": [POOL]}}}


def reconcile(api: PrefectApi, before: datetime) -> str:
    """Runs that have no process any more are Crashed, missed scheduled ones are gone.

    Runs that changed their state after `before` are left alone: their process may be starting.
    """
    dead = [run for run in busy_runs(api) if _is_old(run, before) and not _is_alive(run["id"])]
    for run in dead:
        state = {"type": "CRASHED", "name": "Crashed", "message": _GONE}
        api.post(f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    missed = _missed(api, before - MISSED_AFTER)
    _delete(api, missed)
    return f"{len(dead)} runs without a process, {len(missed)} missed sweeps"


def busy_runs(api: PrefectApi) -> list[Json]:
    """The runs that hold a process, or are about to."""
    states = {"state": {"type": {"any_": list(_BUSY)}}}
    return list(api.post("/flow_runs/filter", {**_IN_OUR_POOL, "flow_runs": states}))


def _missed(api: PrefectApi, before: datetime) -> list[Json]:
    """Scheduled runs whose time passed: all at once they would only push each other away."""
    wanted = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "next_scheduled_start_time": {"before_": before.isoformat()},
    }
    found = api.post("/flow_runs/filter", {**_IN_OUR_POOL, "flow_runs": wanted})
    return [run for run in found if run["auto_scheduled"]]


def _delete(api: PrefectApi, runs: Iterable[Json]) -> None:
    for run in runs:
        api.delete(f"/flow_runs/{run['id']}")


def _is_old(run: Json, before: datetime) -> bool:
    return datetime.fromisoformat(run["state"]["timestamp"]) < before


def _is_alive(run_id: Any) -> bool:
    """Whether an engine carries the run. Its children inherit the mark, but are no engines."""
    mark = f"PREFECT__FLOW_RUN_ID={run_id}"
    return any(mark in text and _is_engine(pid) for pid, text in environments())


def _is_engine(pid: int) -> bool:
    try:
        return ENGINE in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return False


if __name__ == "__main__":
    with open_api(load_settings()) as connection:
        print(reconcile(connection, datetime.now(UTC)))
