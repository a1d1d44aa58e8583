"""check-certificates: one look a day at what all instances serve, and when it ends.

No operation: it takes no lock and writes no row; a trace tells when it becomes urgent, or is no
more.
"""

from __future__ import annotations

from flows.domain.errors import ServiceError
from flows.domain.expiry import WARNING_DAYS
from flows.domain.health import SWEPT
from flows.steps.expiry import look_at_certificates, remember_certificates
from flows.steps.hosts import on_each
from flows.steps.observation import remembered
from flows.steps.site import Doors, InstanceRow

AT_ONCE = 8


def check_certificates(doors: Doors, within_days: float = WARNING_DAYS) -> str:
    """Every instance at rest was looked at; a line for each certificate that ends soon."""
    rows = [row for row in doors.records.living() if row.status in SWEPT]
    lines = on_each(lambda row: _checked(doors, row, within_days), rows, AT_ONCE)
    return "; ".join([f"{len(rows)} instances looked at", *(line for line in lines if line)])


def _checked(doors: Doors, row: InstanceRow, within_days: float) -> str:
    # One instance that cannot be looked at must not keep the others from being told.
    try:
        seen = look_at_certificates(doors, remembered(doors, row))
        due = remember_certificates(doors, row, seen, within_days)
    except ServiceError as failure:
        return f"{row.wish.name}: {failure}"
    silent = [f"{each.name} did not answer" for each in seen if each.silence]
    return "; ".join(f"{row.wish.name}: {each}" for each in (*due, *silent))
