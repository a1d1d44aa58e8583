"""Which living instance a request is about."""

from __future__ import annotations

from flows.adapters.site import Doors
from flows.domain.errors import refusal
from flows.domain.request import InstanceRequest
from flows.procedures.operation import Subject


def living(doors: Doors, request: InstanceRequest) -> Subject:
    """The living instance of that name or id."""
    found = doors.records.find(request.instance)
    if found is None:
        known = ", ".join(row.wish.name for row in doors.records.living()) or "none"
        raise refusal(
            "instance", request.instance, f"there is no such instance; living are {known}"
        )
    return Subject(found)
