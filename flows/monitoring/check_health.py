"""check-health: one sweep a minute over all instances.

No operation: it takes no lock and writes no row; it skips an instance with a living operation and
leaves a trace only when a status changes.
"""

from __future__ import annotations

from flows.domain.errors import ServiceError
from flows.domain.health import LEFT_BEHIND, SWEPT, status_after
from flows.steps.hosts import on_each
from flows.steps.observation import remembered
from flows.steps.site import Doors, InstanceRow
from flows.steps.sweeping import Eyes, Sight, look, remember, tidy

AT_ALL = (*SWEPT, *LEFT_BEHIND)


def sweep(doors: Doors) -> str:
    """Every idle instance was looked at, tidied up and given its status; one line says so."""
    rows = [row for row in doors.records.living() if _is_due(doors, row)]
    lines = on_each(lambda row: _sweep_one(doors, row), rows)
    return "; ".join([f"{len(rows)} instances looked at", *(line for line in lines if line)])


def _is_due(doors: Doors, row: InstanceRow) -> bool:
    holder = doors.records.holder(row.id)
    busy = holder is not None and doors.processes.alive(holder.caller.run)
    return row.status in AT_ALL and not busy


def _sweep_one(doors: Doors, row: InstanceRow) -> str:
    eyes = Eyes(doors.hosts(row.id), doors.zookeeper, doors.kafka)
    sight = look(eyes, remembered(doors, row))
    status = status_after(row.status, sight.faults)
    remember(doors, row, sight, status)
    said = [f"{row.wish.name}: {status}"] if status is not row.status else []
    return "; ".join([*said, *_tidied(doors, row, sight)])


def _tidied(doors: Doors, row: InstanceRow, sight: Sight) -> list[str]:
    # One instance that cannot be tidied must not keep the others from being looked at.
    try:
        return tidy(doors, sight)
    except ServiceError as failure:
        return [f"{row.wish.name}: {failure}"]
