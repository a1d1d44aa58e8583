"""Replicas that are there for a roll only: found, remembered in ZooKeeper, and forgotten."""

from __future__ import annotations

from collections.abc import Collection

from flows.adapters.site import Doors, Site
from flows.domain.cluster import ClusterState
from flows.domain.impact import impact, raised_replicas
from flows.domain.instance import Instance
from flows.domain.raising import RAISED_PATH, moves_back, raised_node, with_moves
from flows.domain.reassignment import Move, PortionLimit
from flows.steps.step import step


@step("look which partitions cannot spare a replica")
def find_raises(site: Site, instance: Instance, brokers: Collection[int]) -> tuple[Move, ...]:
    """The moves after which any one of these brokers can go away, noted before they begin."""
    state = site.zookeeper.state(instance)
    racks = {broker.id: broker.zone for broker in instance.brokers}
    moves = raised_replicas(state, impact(state, sorted(brokers), {}), racks).moves
    if moves:
        site.zookeeper.write(instance, [raised_node(with_moves(state.raised, moves))])
    return moves


def any_raised(site: Site, instance: Instance) -> bool:
    """Whether there is something to put back."""
    return bool(site.zookeeper.state(instance).raised)


@step("forget which replicas were raised")
def forget_raised(site: Site, instance: Instance) -> None:
    """Nothing is left to be put back."""
    site.zookeeper.remove(instance, RAISED_PATH)


def put_back_next(doors: Doors, instance: Instance, state: ClusterState) -> bool:
    """The next few replicas that were raised begin to go; True when there were any, or a note."""
    if not state.raised or state.reassigning:
        return False
    moves = moves_back(state).moves[: PortionLimit().partitions]
    if moves:
        doors.kafka.reassign(instance, {move.partition: move.after for move in moves})
    else:
        doors.zookeeper.remove(instance, RAISED_PATH)
    return True
