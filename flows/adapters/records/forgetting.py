"""Lines of the history that are not needed any more."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, select

from flows.adapters.records.rows import operation_of
from flows.adapters.records.schema import operations
from flows.adapters.site import Processes
from flows.domain.operations import OperationStatus

AT_ONCE = 500
"""Numbers in one statement; SQLite takes no more than 999 by default in older releases."""


def forget(connection: Connection, numbers: Collection[int], processes: Processes) -> int:
    """The lines are gone, but those of living operations; answers how many went."""
    wanted = sorted(numbers)
    return sum(
        _forget_some(connection, wanted[place : place + AT_ONCE], processes)
        for place in range(0, len(wanted), AT_ONCE)
    )


def _forget_some(connection: Connection, numbers: list[int], processes: Processes) -> int:
    found = connection.execute(select(operations).where(operations.c.number.in_(numbers))).all()
    ended = [
        row.epoch
        for row in map(operation_of, found)
        if row.status is not OperationStatus.RUNNING or not processes.alive(row.caller.run)
    ]
    return connection.execute(delete(operations).where(operations.c.number.in_(ended))).rowcount
