"""What was kept for clients is dropped by schedule, once its time is over."""

from __future__ import annotations

from flows.access.drop_old_addresses import drop_old_addresses
from flows.domain.errors import ServiceError
from flows.domain.instance import Status
from flows.domain.operations import Caller
from flows.procedures.conduct import conduct
from flows.steps.site import Doors, InstanceRow, Stage


def drop_overdue(doors: Doors, caller: Caller, stage: Stage) -> list[str]:
    """No idle instance keeps old addresses longer than it was asked to; a line for each."""
    return [
        _dropped(doors, row, caller, stage) for row in doors.records.living() if _due(doors, row)
    ]


def _due(doors: Doors, row: InstanceRow) -> bool:
    until = row.wish.access.old_until
    over = until is not None and 0 < until <= doors.clock.now().timestamp()
    return over and row.status is Status.RUNNING and doors.records.holder(row.id) is None


def _dropped(doors: Doors, row: InstanceRow, caller: Caller, stage: Stage) -> str:
    # One that cannot be done must not keep the others waiting; its own row says why.
    try:
        return conduct(drop_old_addresses, doors, {"instance": row.id}, caller, stage).sentence
    except ServiceError as failure:
        return f"{row.wish.name}: {failure}"
