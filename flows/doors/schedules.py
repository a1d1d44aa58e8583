"""The schedules of a control plane, all at once: for whoever measures, or looks, without them."""

from __future__ import annotations

from flows.doors.prefect_api import open_api
from flows.settings import Settings


def pause_schedules(settings: Settings) -> None:
    """Nothing runs by itself any more on this control plane, until a schedule is resumed in the UI.

    A sweep each minute starts Python and asks every broker: a tenth of two slow cores.
    """
    with open_api(settings) as api:
        for deployment in api.post("/deployments/filter", {}):
            if deployment["schedules"]:
                api.post(f"/deployments/{deployment['id']}/pause_deployment", {})
