"""check-health: one sweep a minute over all instances.

No operation: it takes no lock and writes no row; it skips an instance with a living operation and
leaves a trace only when a status changes.
"""

from __future__ import annotations

from flows.domain.errors import EffectFailed, Refused, ServiceError
from flows.domain.health import LEFT_BEHIND, SWEPT
from flows.domain.instance import Status
from flows.steps.clean_hosts import clean_left
from flows.steps.connections import limit_again
from flows.steps.hosts import on_each
from flows.steps.observation import remembered
from flows.steps.site import Doors, InstanceRow
from flows.steps.sweeping import (
    Eyes,
    Sight,
    is_idle,
    look,
    remember_sight,
    remember_status,
    tidy,
    tidy_replicas,
)

AT_ALL = (*SWEPT, *LEFT_BEHIND)
AT_ONCE = 16
"""Instances looked at together; most of a look is waiting for hosts and brokers."""


def sweep(doors: Doors) -> str:
    """Every idle instance was looked at, tidied up and given its status; one line says so."""
    living = doors.records.living()
    rows = [row for row in living if row.status in AT_ALL and is_idle(doors, row)]
    lines = on_each(lambda row: _sweep_one(doors, row), rows, AT_ONCE)
    stopped = [row for row in living if row.status is Status.CHANGE_FAILED and is_idle(doors, row)]
    lines += on_each(lambda row: _released(doors, row), stopped)
    cleaned = clean_left(doors)
    looked = f"{len(rows)} instances looked at"
    return "; ".join([looked, *(line for line in lines if line), *cleaned])


def _sweep_one(doors: Doors, row: InstanceRow) -> str:
    try:
        eyes = Eyes(doors.hosts(row.id), doors.zookeeper, doors.kafka)
        sight = look(eyes, remembered(doors, row))
    except (EffectFailed, Refused) as silence:
        # A provider that does not answer, or is not here any more, is a fault of its instances.
        return _status_line(doors, row, (str(silence),))
    if not is_idle(doors, row):
        return ""
    remember_sight(doors, row, sight)
    moved = _status_line(doors, row, sight.faults)
    return "; ".join([*([moved] if moved else []), *_tidied(doors, row, sight)])


def _status_line(doors: Doors, row: InstanceRow, found: tuple[str, ...]) -> str:
    if not is_idle(doors, row):
        return ""
    status = remember_status(doors, row, found)
    return f"{row.wish.name}: {status}" if status is not row.status else ""


def _released(doors: Doors, row: InstanceRow) -> str:
    """A change that failed may have left moves, which end by themselves; throttles do not."""
    try:
        lines = tidy_replicas(doors, remembered(doors, row))
    except (EffectFailed, Refused):
        return ""  # Nobody answers; whoever finishes the change looks again.
    return "; ".join(f"{row.wish.name}: {line}" for line in lines)


def _tidied(doors: Doors, row: InstanceRow, sight: Sight) -> list[str]:
    # One instance that cannot be tidied must not keep the others from being looked at.
    try:
        return [*tidy(doors, sight), *limit_again(doors, row, sight.instance)]
    except ServiceError as failure:
        return [f"{row.wish.name}: {failure}"]
