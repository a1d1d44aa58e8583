"""The automation that ends runs whose process died without a word.

A run sends a heartbeat every 30 s; one that sends none for 150 s is Crashed, unless it has
ended. A server on SQLite was seen to answer nobody for a minute: whoever lives shall outlive that.
"""

from __future__ import annotations

from flows.doors.controlplane.prefect_settings import HEARTBEAT_SECONDS
from flows.doors.prefect_api import Json, PrefectApi

NAME = "End runs whose process is gone"
SILENCE_SECONDS = HEARTBEAT_SECONDS * 5

# An event is called after the state's name, so states with a name of their own count as well.
_SIGNS_OF_LIFE = ("heartbeat", "Completed", "Failed", "Refused", "Cancelled", "Crashed")


def watch_for_zombies(api: PrefectApi) -> None:
    """The automation is there, once, as this program means it."""
    found = api.post("/automations/filter", {"automations": {"name": {"any_": [NAME]}}})
    if not found:
        api.post("/automations/", _automation())
        return
    api.put(f"/automations/{found[0]['id']}", _automation())
    for twin in found[1:]:
        api.delete(f"/automations/{twin['id']}")


def _automation() -> Json:
    return {
        "name": NAME,
        "description": f"A run that is silent for {SILENCE_SECONDS} s is Crashed; run it again.",
        "enabled": True,
        "trigger": {
            "type": "event",
            "posture": "Proactive",
            "after": ["prefect.flow-run.heartbeat"],
            "expect": [f"prefect.flow-run.{sign}" for sign in _SIGNS_OF_LIFE],
            "match": {"prefect.resource.id": ["prefect.flow-run.*"]},
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": SILENCE_SECONDS,
        },
        "actions": [
            {
                "type": "change-flow-run-state",
                "state": "CRASHED",
                "message": "No heartbeat: the process of this run is gone; run it again.",
            }
        ],
    }
