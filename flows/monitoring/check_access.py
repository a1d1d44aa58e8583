"""check-access: every few minutes a look whether clients come in as it is wished, and only so.

No operation: it takes no lock and writes no row; a trace tells when there are other differences
than before. `converge-access` puts them right.
"""

from __future__ import annotations

from flows.domain.errors import ServiceError
from flows.domain.health import SWEPT
from flows.steps.drift import look_for_drift, tell_drift
from flows.steps.hosts import on_each
from flows.steps.site import Doors, InstanceRow
from flows.steps.sweeping import is_idle

AT_ONCE = 4


def check_access(doors: Doors) -> str:
    """Every idle instance was looked at; one line says what is different where."""
    living = doors.records.living()
    rows = [row for row in living if row.status in SWEPT and is_idle(doors, row)]
    lines = on_each(lambda row: _checked(doors, row), rows, AT_ONCE)
    return "; ".join([f"{len(rows)} instances looked at", *(line for line in lines if line)])


def _checked(doors: Doors, row: InstanceRow) -> str:
    # One instance that cannot be looked at must not keep the others from it.
    try:
        found = look_for_drift(doors, row)
        if not is_idle(doors, row):
            return ""  # An operation began meanwhile: what was seen is half of its work.
        tell_drift(doors, row, found)
    except ServiceError as failure:
        return f"{row.wish.name}: {failure}"
    return "; ".join(f"{row.wish.name}: {each.words}" for each in found)
