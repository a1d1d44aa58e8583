"""The one instance that a question is about."""

from __future__ import annotations

from dataclasses import replace

from flows.adapters.records.picture import picture
from flows.adapters.site import Doors, InstanceRow, Records
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance


def living(records: Records, instance: str) -> InstanceRow:
    """The living instance of that name or id; Refused, naming all that live, otherwise."""
    row = records.find(instance)
    if row is not None:
        return row
    if records.find_deleted(instance) is not None:
        raise refusal("instance", instance, f"it is deleted; see `fleet history {instance}`")
    names = ", ".join(one.wish.name for one in records.living()) or "none yet"
    raise Refused(f'instance "{instance}": there is none of this name or id; there are: {names}')


def placed(records: Records, instance: str) -> Instance:
    """The same with its brokers on their machines."""
    row = living(records, instance)
    return picture(row, records.machines(row.id))


def reached(doors: Doors, row: InstanceRow) -> Instance:
    """The same with the addresses from which the product and clients of its network come."""
    provider = doors.provider(row.wish.provider)
    return replace(
        picture(row, doors.records.machines(row.id)),
        control_address=provider.control_address(),
        client_network=provider.client_network(),
    )
