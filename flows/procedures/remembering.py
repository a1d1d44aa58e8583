"""What stays of an operation: its row in the history and its traces in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flows.adapters.site import Doors, InstanceRow, Site
from flows.domain.errors import Refused, ServiceError
from flows.domain.operations import Caller, OperationRow, OperationStatus, Rating, Trace


@dataclass(frozen=True)
class TraceNames:
    """The guide's names (section 16.1) of what happens to an operation."""

    accepted: str
    refused: str
    done: str
    failed: str


def start_row(
    operation: str, row: InstanceRow, raw: Mapping[str, Any], caller: Caller, now: datetime
) -> OperationRow:
    """The row of an operation that begins; references to secrets stay, secrets never were in it."""
    return OperationRow(
        epoch=0,
        operation=operation,
        instance_id=row.id,
        instance_name=row.wish.name,
        status=OperationStatus.RUNNING,
        caller=caller,
        request=dict(raw),
        started=now,
    )


def remember_turned_away(
    doors: Doors,
    operation: str,
    traces: TraceNames,
    asked: tuple[Mapping[str, Any], Caller],
    error: ServiceError,
) -> OperationRow:
    """A request that was refused, or failed before it held anything, is in history and audit."""
    raw, caller = asked
    refused = isinstance(error, Refused)
    name = str(raw.get("instance") or raw.get("name") or "")
    now = doors.clock.now()
    found = doors.records.find(name) if name else None
    row = OperationRow(
        epoch=0,
        operation=operation,
        instance_id=found.id if found else None,
        instance_name=name,
        status=OperationStatus.REFUSED if refused else OperationStatus.FAILED,
        caller=caller,
        request=dict(raw),
        started=now,
        finished=now,
        reason=str(error),
    )
    rating = Rating.WARNING if refused else Rating.INCIDENT
    trace = Trace(traces.refused, caller.asked_by, caller.door, name, dict(raw), str(error), rating)
    doors.records.trace(trace)
    return doors.records.note(row)


def remember_acceptance(
    site: Site, traces: TraceNames, row: InstanceRow, raw: Mapping[str, Any]
) -> None:
    """The audit says that the request was accepted, and as which operation."""
    caller, accepted = site.caller, f"accepted as operation {site.epoch}"
    site.records.trace(
        Trace(traces.accepted, caller.asked_by, caller.door, row.wish.name, raw, accepted)
    )


@dataclass(frozen=True)
class End:
    """How an operation ended: its status, one sentence, and what it made as data."""

    status: OperationStatus
    sentence: str
    result: Mapping[str, Any] = field(default_factory=dict)


_RATINGS = {OperationStatus.SUCCESSFUL: Rating.NORMAL, OperationStatus.REFUSED: Rating.WARNING}


def remember_end(site: Site, traces: TraceNames, row: InstanceRow, end: End) -> None:
    """The operation is closed and holds nothing; its end stands in the audit."""
    site.records.trace(trace_of_end(traces, site.caller, (row.wish.name, {"id": row.id}), end))
    site.records.close(site.epoch, end.status, end.sentence, end.result)


def trace_of_end(
    traces: TraceNames, caller: Caller, about: tuple[str, Mapping[str, Any]], end: End
) -> Trace:
    """The line of the audit that says how an operation ended; `about` is resource, parameters."""
    names = {OperationStatus.SUCCESSFUL: traces.done, OperationStatus.REFUSED: traces.refused}
    resource, parameters = about
    return Trace(
        name=names.get(end.status, traces.failed),
        who=caller.asked_by,
        door=caller.door,
        resource=resource,
        parameters=parameters,
        result=end.sentence,
        rating=_RATINGS.get(end.status, Rating.INCIDENT),
    )
