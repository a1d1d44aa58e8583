"""The Prefect UI: one deployment per operation, with its form, words and tags; and the schedule.

Registered over the REST API, one after the other: in parallel they block each other on SQLite.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from tempfile import gettempdir
from typing import Any

from flows.doors.catalogue import OPERATIONS, AnyOperation
from flows.doors.controlplane.prefect_settings import POOL
from flows.doors.form import form
from flows.doors.prefect_api import Json, PrefectApi
from flows.doors.sweeps import SWEEP

RUNS = "flows.doors.runs"
NO_PARAMETERS: Json = {"title": "Parameters", "type": "object", "properties": {}}


@dataclass(frozen=True)
class Deployment:
    """What the UI shows under one name, and which flow it starts."""

    flow: str
    title: str
    description: str
    entrypoint: str
    parameters: Json = field(default_factory=lambda: NO_PARAMETERS)
    tags: tuple[str, ...] = ()
    cron: str = ""
    scheduled: Json = field(default_factory=dict)
    """The parameters with which the schedule asks."""


def attribute_of(flow: str) -> str:
    """`create-instance` -> `create_instance`: what the flow is called in Python."""
    return flow.replace("-", "_")


def deployments(operations: Iterable[AnyOperation] = OPERATIONS) -> tuple[Deployment, ...]:
    """All of them, the scheduled ones last."""
    return (
        *(_of(operation) for operation in operations),
        CHECK_HEALTH,
        CHECK_CERTIFICATES,
        CHECK_ACCESS,
        BACK_UP,
    )


CHECK_HEALTH = Deployment(
    flow=SWEEP,
    title="Check health",
    description="Looks at every instance once a minute: Running or Faulty, and why.",
    entrypoint=f"{RUNS}:check_health",
    tags=("monitoring", "scheduled"),
    cron="* * * * *",
)


CHECK_CERTIFICATES = Deployment(
    flow="check-certificates",
    title="Check certificates",
    description="Looks each day at what every broker serves, and at all other certificates: "
    "warning from 30 days before the end on, critical from 7.",
    entrypoint=f"{RUNS}:check_certificates",
    tags=("monitoring", "scheduled"),
    cron="41 4 * * *",
)


CHECK_ACCESS = Deployment(
    flow="check-access",
    title="Check access",
    description="Compares every quarter of an hour how clients come in with what is wished: hosts' "
    "firewalls, gateways, what brokers tell and start with, and a real connection. "
    "converge-access puts differences right.",
    entrypoint=f"{RUNS}:check_access",
    tags=("monitoring", "scheduled"),
    cron="7-59/15 * * * *",
)


BACK_UP = Deployment(
    flow="back-up",
    title="Back up",
    description="Writes records, keys and settings into one encrypted file, each night and on "
    "request; `fleet backup` shows the recovery key before.",
    entrypoint=f"{RUNS}:back_up",
    tags=("monitoring", "scheduled"),
    cron="17 3 * * *",
)


_SCHEDULED: dict[str, Any] = {
    "finish-due-overlaps": {"cron": "23 4 * * *"},
    "renew-certificates": {
        "cron": "11 5 * * *",
        "scheduled": {"request": {"automatic_only": True}},
    },
}
"""When operations are asked for by themselves, and how."""


def register(api: PrefectApi, wanted: Sequence[Deployment]) -> None:
    """The server has these deployments, and no others of ours.

    One that is there as it should be is left alone: runs may be on their way, and Prefect would
    forget those that are scheduled.
    """
    filters = {"work_pools": {"name": {"any_": [POOL]}}}
    present = api.post("/deployments/filter", filters)
    versions = {(each["entrypoint"], each["name"]): each["version"] for each in present}
    names = {(deployment.entrypoint, deployment.title): deployment for deployment in wanted}
    for name, deployment in names.items():
        if versions.get(name) != version_of(deployment):
            _apply(api, deployment)
    for each in present:
        ours = str(each["entrypoint"] or "").startswith(f"{RUNS}:")
        if ours and (each["entrypoint"], each["name"]) not in names:
            api.delete(f"/deployments/{each['id']}")


def version_of(wanted: Deployment) -> str:
    """Tells this deployment from any other of its operation: the digest of all that is sent."""
    told = json.dumps([wanted.flow, _body(wanted)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _apply(api: PrefectApi, wanted: Deployment) -> None:
    flow = {"flow_id": api.post("/flows/", {"name": wanted.flow})["id"]}
    api.post("/deployments/", {**_body(wanted), **flow, "version": version_of(wanted)})


def _of(operation: AnyOperation) -> Deployment:
    return Deployment(
        flow=operation.name,
        title=operation.title,
        description=inspect.cleandoc(operation.description),
        entrypoint=f"{RUNS}:{attribute_of(operation.name)}",
        parameters=form(operation.request, operation.title),
        tags=(_chapter(operation),),
        **_SCHEDULED.get(operation.name, {}),
    )


def _chapter(operation: AnyOperation) -> str:
    """`instances` for what lies in `flows/instances`."""
    return operation.procedure.__module__.split(".")[1]


def _body(wanted: Deployment) -> Json:
    return {
        "name": wanted.title,
        "description": wanted.description,
        "tags": list(wanted.tags),
        "entrypoint": wanted.entrypoint,
        "parameter_openapi_schema": wanted.parameters,
        # Refusals shall come in our words, through every door.
        "enforce_parameter_schema": False,
        "work_pool_name": POOL,
        "job_variables": _job_variables(),
        "pull_steps": [],
        **_schedule(wanted),
    }


def _job_variables() -> dict[str, Any]:
    """Without a command of its own Prefect starts Python twice; with its output streamed, a run
    dies at its next line once its worker is gone; and without a directory each gets one in /tmp
    that a killed worker leaves behind.
    """
    return {
        "command": f"{sys.executable} -P -m prefect.engine",
        "stream_output": False,
        "working_dir": "/",
        # The worker has a scratch directory of its own, which runs shall not share.
        "env": {"TMPDIR": gettempdir()},
    }


def _schedule(wanted: Deployment) -> Json:
    """A run that is still going when its successor is due goes on; the successor is cancelled."""
    if not wanted.cron:
        return {"schedules": []}
    due = {"cron": wanted.cron, "timezone": "UTC"}
    return {
        "schedules": [{"schedule": due, "active": True, "parameters": wanted.scheduled}],
        "concurrency_limit": 1,
        "concurrency_options": {"collision_strategy": "CANCEL_NEW"},
    }
