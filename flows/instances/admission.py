"""Which instance a request is about."""

from __future__ import annotations

from flows.domain.creation import CreateInstance, differing_fields, wish_of
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Status
from flows.domain.request import InstanceRequest
from flows.procedures.operation import Subject
from flows.steps.site import Doors, InstanceRow


def new_or_same(doors: Doors, request: CreateInstance) -> Subject:
    """The instance to create: a new one, or the one that the same request began or finished."""
    found = doors.records.find(request.name)
    if found is None:
        return Subject(_new_row(doors, request), is_new=True)
    if found.id == request.name:
        raise refusal("name", request.name, "it is the id of an instance; choose another name")
    _check_same(doors, request, found)
    return Subject(found)


def existing(doors: Doors, request: InstanceRequest) -> Subject:
    """The living instance of that name or id; a deleted one when only history knows it."""
    name = request.instance
    found = doors.records.find(name) or doors.records.find_deleted(name)
    if found is None:
        known = ", ".join(row.wish.name for row in doors.records.living()) or "none"
        raise refusal("instance", name, f"there is no such instance; living are {known}")
    return Subject(found)


def _new_row(doors: Doors, request: CreateInstance) -> InstanceRow:
    instance_id = doors.clock.token(8)
    return InstanceRow(
        id=instance_id,
        organization=f"{instance_id}-{doors.clock.token(8)}",
        status=Status.CREATING,
        reason="",
        revision=1,
        wish=wish_of(request, doors.provider.defaults()),
        created=doors.clock.now(),
        observed={},
    )


def _check_same(doors: Doors, request: CreateInstance, found: InstanceRow) -> None:
    differing = differing_fields(wish_of(request, doors.provider.defaults()), found.wish)
    if differing:
        raise refusal(
            "name",
            request.name,
            f"an instance of that name exists with other parameters: {', '.join(differing)}",
        )
    if found.status is Status.DELETING:
        raise Refused(
            f'name "{request.name}": the instance of that name is being deleted; finish that '
            "with delete-instance, or choose another name"
        )
