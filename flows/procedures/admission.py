"""Whether an operation may begin on an instance as it stands (SPEC 1.2).

A new change needs an instance at rest. One that was cut off may be continued by the same
operation with the same wish, whoever asks; anything else is refused, naming what has to be
finished or rolled back first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.adapters.site import InstanceRow, Records
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Status
from flows.domain.operations import OperationRow, OperationStatus
from flows.domain.request import Request

CUT_OFF = (Status.CHANGING, Status.RESTARTING, Status.CHANGE_FAILED)
"""Statuses in which a change was begun and did not come to its end."""
ENDED_BADLY = (OperationStatus.FAILED, OperationStatus.INTERRUPTED)
_NOT_THE_WISH = frozenset({"instance", "plan_only", "approved_plan", "confirm"})


def check_may_begin(
    records: Records,
    row: InstanceRow,
    asked: tuple[str, Request],
    begins_in: frozenset[Status] | None,
) -> None:
    """Refuses an operation that the status of its instance does not allow.

    `asked` is its name and request; `begins_in` None leaves the decision to its plan.
    """
    if begins_in is None or row.status in begins_in:
        return
    left = unfinished(records, row) if row.status in CUT_OFF else None
    if left is None:
        accepted = " or ".join(sorted(begins_in))
        raise refusal("instance", f"{row.wish.name} ({row.status})", f"accepted is {accepted}")
    if not _same(left, *asked):
        raise Refused(
            f'instance "{row.wish.name}": it is {row.status}; {left.operation}, asked for by '
            f"{left.caller.asked_by}, was cut off, and must be finished first (ask for the same "
            "again) or rolled back"
        )


def unfinished(records: Records, row: InstanceRow) -> OperationRow | None:
    """The newest operation that held the instance and did not come to its end."""
    for line in records.history(row.id):
        if line.held and line.status is OperationStatus.SUCCESSFUL:
            return None
        if line.held and line.status in ENDED_BADLY:
            return line
    return None


def _same(left: OperationRow, name: str, request: Request) -> bool:
    return left.operation == name and wish_in(request, left.request) == wish_in(request)


def wish_in(request: Request, raw: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
    """What a request asks of its instance; of an earlier one when `raw` is given.

    None when the earlier one cannot be read any more.
    """
    if raw is not None:
        try:
            request = type(request).read(raw)
        except Refused:
            return None
    how = {*request.secret_fields, *request.manner_fields}
    return request.model_dump(exclude={*_NOT_THE_WISH, *how})
