"""A broker comes back into the in-sync sets in portions, so that nobody waits for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from flows.adapters.site import Site
from flows.domain.cluster import Partition
from flows.domain.instance import Broker, Instance
from flows.domain.reassignment import left_behind
from flows.domain.rejoining import (
    counted,
    held_back,
    not_held_back,
    out_of,
    portions_to_join,
    released,
    still_out,
)
from flows.steps.observation import cluster_state
from flows.steps.one_broker import ClosedDoor
from flows.steps.readiness import registered_anew
from flows.steps.reassigning import let_go
from flows.steps.step import step
from flows.steps.waiting import Gate, wait, wait_for

JOIN_SECONDS = 60.0
CATCH_UP_SECONDS = 0.5

Portions = tuple[tuple[Partition, ...], ...]


def hold_back_join(site: Site, instance: Instance, broker: Broker) -> Portions:
    """The portions in which a stopped broker will come back; until their turn none of them can."""
    portions = portions_to_join(broker.id, site.zookeeper.state(instance))
    if portions:
        _hold_back(site, instance, broker, portions)
    return portions


def join_in_portions(
    site: Site, instance: Instance, broker: Broker, portions: Portions, door: ClosedDoor
) -> None:
    """The broker, which was just started, is back in every in-sync set; nothing is held back."""
    before = instance.cluster.registrations.get(broker.id) if instance.cluster else None
    wait_for(site, registered_anew(instance, broker, before, door))
    wait_for(site, _rest_joined(instance, broker, portions, door))
    if portions:
        _let_in(site, instance, broker, portions, door)
        let_go(site, instance)


def end_holding_back(site: Site, instance: Instance) -> None:
    """No broker is held back any more by a run that was cut off; nothing where none is there."""
    state = cluster_state(site, instance)
    if state is not None and state.registrations and left_behind(state):
        let_go(site, instance)


@step("broker {broker.id}: let it come back in portions")
def _hold_back(site: Site, instance: Instance, broker: Broker, portions: Portions) -> None:
    site.kafka.configure(instance, held_back(broker.id, portions))


@step("broker {broker.id}: come back, one portion after the other")
def _let_in(
    site: Site, instance: Instance, broker: Broker, portions: Portions, door: ClosedDoor
) -> None:
    for place, portion in enumerate(portions, start=1):
        there = {part.topic for part in site.zookeeper.partitions(instance, portion)}
        site.kafka.configure(instance, released(broker.id, portion, portions[place:], there))
        wait(site, _joined(instance, broker, portion, door))
        if settings := counted(broker.id, portion):
            site.kafka.configure(instance, settings)
        if portions[place:]:
            # What was written meanwhile waited: it is through before anything waits again.
            site.clock.pause(CATCH_UP_SECONDS)


def _rest_joined(instance: Instance, broker: Broker, portions: Portions, door: ClosedDoor) -> Gate:
    """The broker is back where nobody holds it back; from the first look on that is known."""
    gates: list[Gate] = []

    def reason(site: Site) -> str | None:
        if not gates:
            rest = not_held_back(broker.id, portions, site.zookeeper.state(instance))
            gates.append(_joined(instance, broker, rest, door))
        return gates[0].reason(site)

    words = f"broker {broker.id} is in sync with what nobody holds back"
    return Gate(words, JOIN_SECONDS, reason)


def _joined(
    instance: Instance, broker: Broker, portion: Sequence[Partition], door: ClosedDoor
) -> Gate:
    """The broker is back in all of these; one that was seen to be back is not looked at again.

    The brokers need the cores that a look takes: half a millisecond for each partition.
    """
    left = list(portion)

    def reason(site: Site) -> str | None:
        door.renew()
        left[:] = out_of(broker.id, site.zookeeper.partitions(instance, left))
        return still_out(broker.id, left)

    words = f"broker {broker.id} is in sync with {len(portion)} partitions more"
    return Gate(words, JOIN_SECONDS, reason)
