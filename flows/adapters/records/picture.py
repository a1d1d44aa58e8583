"""An instance as it is wished and placed, before anybody looks at it."""

from __future__ import annotations

from collections.abc import Iterable

from flows.adapters.site import InstanceRow
from flows.domain.instance import Broker, Instance, Machine


def picture(row: InstanceRow, machines: Iterable[Machine]) -> Instance:
    """All brokers of the wish, each on its youngest machine; nothing of them is observed yet.

    A broker whose machine is not made yet has no address and no zone.
    """
    placed = {
        machine.broker: machine for machine in sorted(machines, key=lambda one: one.generation)
    }
    return Instance(
        id=row.id,
        organization=row.organization,
        wish=row.wish,
        status=row.status,
        revision=row.revision,
        brokers=tuple(_broker(id, placed.get(id)) for id in range(1, row.wish.brokers + 1)),
    )


def _broker(id: int, machine: Machine | None) -> Broker:
    if machine is None:
        return Broker(id=id, zone="")
    return Broker(id=id, zone=machine.zone, address=machine.address, machine=machine)
