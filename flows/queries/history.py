"""`fleet history`: the operations that were asked for, whatever became of them."""

from __future__ import annotations

from typing import TypedDict

from flows.adapters.site import Records
from flows.domain.errors import refusal
from flows.domain.operations import OperationRow, OperationStatus

CREATION = "create-instance"


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


def history(records: Records, instance: str | None = None) -> tuple[HistoryLine, ...]:
    """Newest first, of one instance (name or id) or of all; Refused for one nobody ever named."""
    found = records.history(instance)
    if instance is not None and not found and records.find(instance) is None:
        raise refusal("instance", instance, "no operation ever named it; `fleet ls` lists all")
    return tuple(_line(row) for row in found)


def failed_creations(records: Records) -> tuple[HistoryLine, ...]:
    """The creations that gave up, each with its reason, newest first."""
    return tuple(
        _line(row)
        for row in records.history(None)
        if row.operation == CREATION and row.status is OperationStatus.FAILED
    )


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
        reason=row.reason,
    )
