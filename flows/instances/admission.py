"""Which instance a request is about."""

from __future__ import annotations

from flows.domain.creation import CreateInstance, differing_fields, wish_of
from flows.domain.errors import Refused, refusal
from flows.domain.growth import AddBrokers
from flows.domain.instance import Status
from flows.domain.modification import ModifyInstance, modified
from flows.domain.request import InstanceRequest
from flows.domain.vantage import Network
from flows.procedures.addresses import check_eips_free, check_of_nobody_else, check_vantage
from flows.procedures.operation import Subject
from flows.procedures.subjects import living
from flows.steps.site import Doors, InstanceRow


def new_or_same(doors: Doors, request: CreateInstance) -> Subject:
    """The instance to create: a new one, or the one that the same request began or finished."""
    found = doors.records.find(request.name)
    if found is None:
        row = _new_row(doors, request)
        _check_public_access(doors, request, row)
        return Subject(row, is_new=True)
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


def to_modify(doors: Doors, request: ModifyInstance) -> Subject:
    """The living instance, which can have the name and the provider's things that are asked for.

    One that the same request has renamed already is found under its new name.
    """
    subject = _renamed(doors, request) or living(doors, request)
    row = subject.row
    _check_free(doors, request.name, row)
    for objection in doors.provider(row.wish.provider).objections(modified(row.wish, request)):
        raise Refused(objection)
    return subject


def _renamed(doors: Doors, request: ModifyInstance) -> Subject | None:
    found = doors.records.find(request.name) if request.name else None
    if found is None or doors.records.find(request.instance) is not None:
        return None
    names = {revision.wish.name for revision in doors.records.wishes(found.id)}
    return Subject(found) if request.instance in names else None


def _check_free(doors: Doors, name: str, row: InstanceRow) -> None:
    if name in ("", row.wish.name):
        return
    holder = doors.records.find(name)
    gone = doors.records.find_deleted(name)
    if name in (row.id, holder.id if holder else None, gone.id if gone else None):
        raise refusal("name", name, "it is the id of an instance; choose another")
    if holder is not None:
        raise refusal("name", name, f"the instance {holder.id} has it; choose another")


def to_add_brokers(doors: Doors, request: AddBrokers) -> Subject:
    """The living instance; Refused for EIPs that new brokers cannot have, or that nobody proves."""
    subject = living(doors, request)
    row, eips = subject.row, request.eips_after(subject.row.wish)
    if request.eips:
        check_eips_free(doors, row, "eips", eips)
        check_of_nobody_else(doors, row, "eips", eips)
    check_of_nobody_else(doors, row, "dnat_eips", request.dnat_eips)
    if request.eips or request.dnat_eips:
        check_vantage(doors, row, Network.OUTSIDE, unproved=request.unproved)
    return subject


def _check_public_access(doors: Doors, request: CreateInstance, row: InstanceRow) -> None:
    eips = request.public_access
    if eips:
        check_eips_free(doors, row, "public_access", eips)
        check_of_nobody_else(doors, row, "public_access", eips)
        check_vantage(doors, row, Network.OUTSIDE, unproved=request.unproved)


def _new_row(doors: Doors, request: CreateInstance) -> InstanceRow:
    instance_id = doors.clock.token(8)
    defaults = doors.provider(request.provider or "").defaults()
    return InstanceRow(
        id=instance_id,
        organization=f"{instance_id}-{doors.clock.token(8)}",
        status=Status.CREATING,
        reason="",
        revision=1,
        wish=wish_of(request, defaults),
        created=doors.clock.now(),
        observed={},
    )


def _check_same(doors: Doors, request: CreateInstance, found: InstanceRow) -> None:
    # Who names no provider means the one that the instance has.
    provider = doors.provider(request.provider or found.wish.provider)
    differing = differing_fields(wish_of(request, provider.defaults()), found.wish)
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
