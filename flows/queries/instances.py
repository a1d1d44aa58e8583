"""`fleet ls`: the living instances."""

from __future__ import annotations

from typing import TypedDict

from flows.adapters.site import InstanceRow, Records
from flows.queries.filters import Filters
from flows.queries.interruption import interruption

EVERY = Filters()


class InstanceLine(TypedDict):
    """One line of the list; storage is in GB over all brokers."""

    name: str
    id: str
    status: str
    reason: str
    version: str
    flavor: str
    brokers: int
    storage_gb: int
    tags: dict[str, str]
    created: str


def instances(records: Records, filters: Filters = EVERY) -> tuple[InstanceLine, ...]:
    """Every instance that is not deleted, by name; of those only the ones that are meant.

    Refused for a filter that cannot be meant.
    """
    meant = filters.check()
    rows = (row for row in records.living() if meant.hold(records, row))
    return tuple(_line(records, row) for row in rows)


def _line(records: Records, row: InstanceRow) -> InstanceLine:
    wish = row.wish
    return InstanceLine(
        name=wish.name,
        id=row.id,
        status=row.status.value,
        reason=interruption(records, row) or row.reason,
        version=wish.version,
        flavor=wish.flavor,
        brokers=wish.brokers,
        storage_gb=wish.storage_per_broker * wish.brokers,
        tags=dict(wish.tags),
        created=row.created.isoformat(),
    )
