"""The history of operations: what of it is chosen, why it must stay, and how it is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flows.adapters.secrets.blocks import RUN_BLOCK_PREFIX
from flows.adapters.site import Doors, Service
from flows.domain.operation_records import reason_to_stay
from flows.domain.operations import OperationRow
from flows.steps.step import service_step


def reasons(doors: Doors) -> Callable[[OperationRow], str | None]:
    """Tells of a record why it has to stay, as its instance stands now."""

    def reason(row: OperationRow) -> str | None:
        found = doors.records.find(row.instance_id) if row.instance_id else None
        history = doors.records.history(found.id) if found else ()
        return reason_to_stay(row, history, found.status if found else None)

    return reason


@service_step("forget records")
def forget(service: Service, rows: Sequence[OperationRow]) -> int:
    """The records are gone, and the blocks that doors left for their requests; answers how many.

    One that has begun to run again meanwhile stays.
    """
    for row in rows:
        for value in row.request.values():
            if isinstance(value, str) and value.startswith(RUN_BLOCK_PREFIX):
                service.doors.secrets.discard(value)
    return service.doors.records.forget_operations([row.epoch for row in rows])
