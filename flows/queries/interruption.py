"""What a person is told of an instance whose operation was killed: who asked, and what to do."""

from __future__ import annotations

from flows.adapters.site import InstanceRow, Records
from flows.domain.instance import Status
from flows.domain.operations import OperationStatus

_REMEDIES = {
    Status.CREATING: "ask for the same again and it goes on, or remove it with delete-instance",
    Status.CHANGING: "ask for the same again and it goes on, or roll it back",
    Status.RESTARTING: "ask for the same again and it goes on",
    Status.DELETING: "delete-instance finishes it",
}


def interruption(records: Records, row: InstanceRow) -> str:
    """One sentence when the newest operation on the instance was killed; empty otherwise."""
    remedy = _REMEDIES.get(row.status)
    if remedy is None or records.holder(row.id) is not None:
        return ""
    newest = next((line for line in records.history(row.id) if line.held), None)
    if newest is None or newest.status is not OperationStatus.INTERRUPTED:
        return ""
    return f"{newest.operation}, asked for by {newest.caller.asked_by}, was interrupted: {remedy}"


def interruptions(records: Records) -> tuple[str, ...]:
    """The same for every living instance that has one, each with its name."""
    found = ((row, interruption(records, row)) for row in records.living())
    return tuple(
        f"{row.wish.name} is {row.status}: {sentence}" for row, sentence in found if sentence
    )
