"""`fleet history`: the operations that were asked for, whatever became of them."""

from __future__ import annotations

from typing import TypedDict

from flows.adapters.site import Records
from flows.domain.errors import refusal
from flows.domain.moments import Period
from flows.domain.operations import OperationRow, OperationStatus, is_failed_creation
from flows.domain.progress import progress_in

ALWAYS = Period()


class HistoryLine(TypedDict):
    """One operation; `run` is the link to its run, or the run's id where there is no page."""

    number: int
    operation: str
    instance: str
    instance_id: str | None
    status: str
    asked_by: str
    door: str
    started: str
    finished: str | None
    run: str
    reason: str


def history(
    records: Records, instance: str | None = None, period: Period = ALWAYS, status: str = ""
) -> tuple[HistoryLine, ...]:
    """Newest first, of one instance (name or id) or of all; Refused for one nobody ever named.

    Only what started in the period, and only what has the status, if one is given.
    """
    if status and status not in tuple(OperationStatus):
        raise refusal("status", status, f"accepted are {', '.join(OperationStatus)}")
    found = records.history(instance)
    if instance is not None and not found and records.find(instance) is None:
        raise refusal("instance", instance, "no operation ever named it; `fleet ls` lists all")
    return tuple(
        _line(row)
        for row in found
        if period.holds(row.started) and status in ("", row.status.value)
    )


def failed_creations(records: Records) -> tuple[HistoryLine, ...]:
    """The creations that gave up, each with its reason, newest first."""
    return tuple(_line(row) for row in records.history(None) if is_failed_creation(row))


def _line(row: OperationRow) -> HistoryLine:
    run = row.caller.run
    return HistoryLine(
        number=row.epoch,
        operation=row.operation,
        instance=row.instance_name,
        instance_id=row.instance_id,
        status=row.status.value,
        asked_by=row.caller.asked_by,
        door=row.caller.door.value,
        started=row.started.isoformat(),
        finished=row.finished.isoformat() if row.finished else None,
        run=run.link or run.id,
        reason=row.reason or _how_far(row),
    )


def _how_far(row: OperationRow) -> str:
    """What a running operation says instead of a reason."""
    told = progress_in(row.result) if row.status is OperationStatus.RUNNING else None
    return told.words if told else ""
