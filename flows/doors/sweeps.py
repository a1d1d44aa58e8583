"""Old sweeps in Prefect's books: one a minute would fill them with runs that say nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from flows.doors.prefect_api import PrefectApi

SWEEP = "check-health"
KEPT = timedelta(hours=1)
AT_ONCE = 50


def forget_old_sweeps(api: PrefectApi, now: datetime) -> int:
    """Sweeps that ended well, or were cancelled by their successor, are gone after an hour.

    Those that failed stay as long as all other runs. Answers how many were removed, 50 at most.
    """
    ids = [flow["id"] for flow in api.post("/flows/filter", {"flows": {"name": {"any_": [SWEEP]}}})]
    deployments = api.post("/deployments/filter", {"flows": {"id": {"any_": ids}}}) if ids else []
    if not deployments:
        return 0
    old = {
        "deployment_id": {"any_": [each["id"] for each in deployments]},
        "state": {"type": {"any_": ["COMPLETED", "CANCELLED"]}},
        "expected_start_time": {"before_": (now - KEPT).isoformat()},
    }
    answer = api.post("/flow_runs/bulk_delete", {"flow_runs": old, "limit": AT_ONCE})
    return len(answer["deleted"])
