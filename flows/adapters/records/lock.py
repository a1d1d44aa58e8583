"""The running operation is the lock of its instance.

Two unique indexes let one operation at a time hold an id and a name. Who comes second looks
whether the first one's process lives: then it is refused, else it takes the instance over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from flows.adapters.records.rows import operation_of, operation_values
from flows.adapters.records.schema import operations, revisions
from flows.adapters.site import Processes
from flows.domain.errors import Refused, Superseded, refusal
from flows.domain.operations import OperationRow, OperationStatus

HOLDING: ColumnElement[bool] = and_(
    operations.c.status == OperationStatus.RUNNING.value, operations.c.holds
)
PROCESS_GONE = "its process ended without a report"


def take(
    connection: Connection, row: OperationRow, processes: Processes, now: datetime
) -> OperationRow:
    """The operation holds its instance; Refused when a living one does."""
    if row.instance_id is None:
        raise ValueError(f"{row.operation}: only an operation on an instance can hold one")
    for holder in _holders(connection, row):
        if processes.alive(holder.caller.run):
            raise _busy(holder)
        _interrupt(connection, holder, row, now)
    held = enter(connection, replace(row, status=OperationStatus.RUNNING), holds=True)
    _sign_wish(connection, held)
    return held


def enter(connection: Connection, row: OperationRow, *, holds: bool) -> OperationRow:
    """A new line of the history, with its number."""
    result = connection.execute(insert(operations).values(operation_values(row, holds=holds)))
    (number,) = result.inserted_primary_key or (0,)
    return replace(row, epoch=number, held=holds)


def living_holder(
    connection: Connection, instance_id: str, processes: Processes
) -> OperationRow | None:
    """The operation that holds the instance, if its process lives."""
    query = select(operations).where(operations.c.instance_id == instance_id, HOLDING)
    row = connection.execute(query).one_or_none()
    found = operation_of(row) if row else None
    return found if found and processes.alive(found.caller.run) else None


def check_holds(connection: Connection, epoch: int) -> None:
    """Superseded unless the operation holds its instance, which nobody can take until the end
    of the transaction.
    """
    query = select(operations.c.number).where(operations.c.number == epoch, HOLDING)
    if connection.execute(query.with_for_update()).first() is None:
        raise superseded(epoch)


def superseded(epoch: int) -> Superseded:
    """Another operation has the instance now."""
    return Superseded(f"operation {epoch}: it does not run any more; another took over")


def _holders(connection: Connection, row: OperationRow) -> Sequence[OperationRow]:
    same = or_(
        operations.c.instance_id == row.instance_id,
        operations.c.instance_name == row.instance_name,
    )
    found = connection.execute(select(operations).where(HOLDING, same)).all()
    return [operation_of(one) for one in found]


def _interrupt(connection: Connection, gone: OperationRow, by: OperationRow, now: datetime) -> None:
    connection.execute(
        update(operations)
        .where(operations.c.number == gone.epoch)
        .values(
            status=OperationStatus.INTERRUPTED.value,
            finished=now,
            reason=f"{PROCESS_GONE}; {by.operation} of {by.caller.asked_by} took over",
        )
    )


def _sign_wish(connection: Connection, held: OperationRow) -> None:
    """A creation writes its wish before it holds anything; here it gets its operation."""
    connection.execute(
        update(revisions)
        .where(revisions.c.instance_id == held.instance_id, revisions.c.operation.is_(None))
        .values(operation=held.epoch)
    )


def _busy(holder: OperationRow) -> Refused:
    started = holder.started.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    run = holder.caller.run
    return refusal(
        "instance",
        holder.instance_name,
        f"{holder.operation} is running on it, asked for by {holder.caller.asked_by}, "
        f"started {started}, see {run.link or run.id}; one changing operation at a time is "
        "accepted",
    )
