"""Rows of the tables as the values that everybody else knows, and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from flows.adapters.site import InstanceRow, Revision
from flows.domain.instance import Machine, Status
from flows.domain.operations import (
    Caller,
    Door,
    OperationRow,
    OperationStatus,
    Rating,
    Run,
    Trace,
)
from flows.domain.wish import Wish


def instance_of(row: Row[Any]) -> InstanceRow:
    """An instance joined with its current revision."""
    return InstanceRow(
        id=row.id,
        organization=row.organization,
        status=Status(row.status),
        reason=row.reason,
        revision=row.revision,
        wish=Wish.model_validate(row.wish),
        created=row.created,
        observed=row.observed,
    )


def instance_values(row: InstanceRow) -> dict[str, Any]:
    """The columns of `instances`."""
    return {
        "id": row.id,
        "name": row.wish.name,
        "organization": row.organization,
        "status": row.status.value,
        "reason": row.reason,
        "revision": row.revision,
        "created": row.created,
        "observed": dict(row.observed),
    }


def revision_of(row: Row[Any]) -> Revision:
    """A wish with the operation that made it."""
    return Revision(row.revision, Wish.model_validate(row.wish), row.operation, row.made)


def machine_of(row: Row[Any]) -> Machine:
    """A machine."""
    return Machine(
        name=row.name,
        broker=row.broker,
        generation=row.generation,
        address=row.address,
        zone=row.zone,
        host_key=row.host_key,
        data_device=row.data_device,
        user=row.user,
        port=row.port,
    )


def machine_values(instance_id: str, machine: Machine) -> dict[str, Any]:
    """The columns of `machines` for one that is in use."""
    return {**vars(machine), "instance_id": instance_id, "gone": None}


def operation_of(row: Row[Any]) -> OperationRow:
    """An operation with who asked for it."""
    run = Run(row.run_id, row.run_link, row.run_boot, row.run_pid, row.run_started_ticks)
    return OperationRow(
        epoch=row.number,
        operation=row.operation,
        instance_id=row.instance_id,
        instance_name=row.instance_name,
        status=OperationStatus(row.status),
        caller=Caller(row.asked_by, Door(row.door), run),
        request=row.request,
        started=row.started,
        finished=row.finished,
        reason=row.reason,
        result=row.result,
        held=row.holds,
    )


def operation_values(row: OperationRow, *, holds: bool) -> dict[str, Any]:
    """The columns of `operations` but the number, which the database gives."""
    run = row.caller.run
    return {
        "operation": row.operation,
        "instance_id": row.instance_id,
        "instance_name": row.instance_name,
        "status": row.status.value,
        "holds": holds,
        "asked_by": row.caller.asked_by,
        "door": row.caller.door.value,
        "run_id": run.id,
        "run_link": run.link,
        "run_boot": run.boot,
        "run_pid": run.pid,
        "run_started_ticks": run.started_ticks,
        "request": dict(row.request),
        "started": row.started,
        "finished": row.finished,
        "reason": row.reason,
        "result": dict(row.result),
    }


def trace_of(row: Row[Any]) -> Trace:
    """A line of the audit."""
    return Trace(
        name=row.name,
        who=row.who,
        door=row.door,
        resource=row.resource,
        parameters=row.parameters,
        result=row.result,
        rating=Rating(row.rating),
        number=row.number,
        time=row.time,
    )


def trace_values(trace: Trace) -> dict[str, Any]:
    """The columns of `traces` but its number and time."""
    return {
        "name": trace.name,
        "who": trace.who,
        "door": str(trace.door),
        "resource": trace.resource,
        "parameters": dict(trace.parameters),
        "result": trace.result,
        "rating": trace.rating.value,
    }
