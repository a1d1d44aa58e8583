"""What stays of an operation: its row in the history and its traces in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.adapters.site import Doors, InstanceRow, Site
from flows.domain.errors import Refused
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


def remember_refusal(
    doors: Doors,
    operation: str,
    traces: TraceNames,
    asked: tuple[Mapping[str, Any], Caller],
    refused: Refused,
) -> None:
    """The refusal stands in the history and in the audit."""
    raw, caller = asked
    name = str(raw.get("instance") or raw.get("name") or "")
    now = doors.clock.now()
    found = doors.records.find(name) if name else None
    doors.records.note(
        OperationRow(
            epoch=0,
            operation=operation,
            instance_id=found.id if found else None,
            instance_name=name,
            status=OperationStatus.REFUSED,
            caller=caller,
            request=dict(raw),
            started=now,
            finished=now,
            reason=str(refused),
        )
    )
    doors.records.trace(_trace(traces.refused, caller, name, raw, str(refused), Rating.WARNING))


def remember_end(
    site: Site,
    traces: TraceNames,
    row: InstanceRow,
    status: OperationStatus,
    sentence: str,
    result: Mapping[str, Any],
) -> None:
    """The operation is closed and holds nothing; its end stands in the audit."""
    names = {OperationStatus.SUCCESSFUL: traces.done, OperationStatus.REFUSED: traces.refused}
    ratings = {OperationStatus.SUCCESSFUL: Rating.NORMAL, OperationStatus.REFUSED: Rating.WARNING}
    name = names.get(status, traces.failed)
    rating = ratings.get(status, Rating.INCIDENT)
    site.records.trace(_trace(name, site.caller, row.wish.name, {"id": row.id}, sentence, rating))
    site.records.close(site.epoch, status, sentence, result)


def _trace(
    name: str, caller: Caller, resource: str, raw: Mapping[str, Any], result: str, rating: Rating
) -> Trace:
    return Trace(name, caller.asked_by, caller.door, resource, dict(raw), result, rating)
