"""Moving partitions between brokers: in portions, held back, and nothing left behind.

Nothing is remembered between runs. What an earlier run began is waited for, throttles that it left
are found where they were set, and what is still to move follows from where the partitions lie.
"""

from __future__ import annotations

from collections.abc import Callable

from flows.domain.cluster import ClusterState
from flows.domain.errors import ServiceError, Superseded
from flows.domain.instance import Instance
from flows.domain.reassignment import Pace, Proposal, portions, throttle_of
from flows.steps.reassigning import (
    Moves,
    begin_moves,
    cancel_moves,
    hold_back,
    hold_back_refill,
    lead_as_wished,
    let_go,
    look_at_partitions,
    moves_done,
    nothing_moves,
    refilled,
)
from flows.steps.site import Site
from flows.steps.waiting import wait_for

Wanted = Callable[[ClusterState], Proposal]
"""What is still to move in a cluster as it lies just then; nothing when all is as wished."""


def reassign(site: Site, instance: Instance, wanted: Wanted, pace: Pace) -> None:
    """The partitions lie as wanted, led by their first replica, and no throttle is left.

    Safe to run again. A portion that gets stuck, or fails, is cancelled where Kafka can (2.4 and
    later), the portions before it stay. On older versions it goes on by itself, with its throttle,
    which the next run or the sweep removes once nothing moves.
    """
    wait_for(site, nothing_moves(instance))
    let_go(site, instance)
    state, sizes = look_at_partitions(site, instance)
    for portion in portions(wanted(state).moves, sizes, pace.limit):
        _move(site, instance, Moves(portion, sizes), pace)


def refill(
    site: Site, instance: Instance, broker: int, pace: Pace, start: Callable[[], None]
) -> None:
    """A broker that `start` starts with an empty disk has all its replicas again, in sync."""
    try:
        if pace.bytes_per_second is not None:
            hold_back_refill(site, instance, broker, pace.bytes_per_second)
        start()
        wait_for(site, refilled(instance, broker))
    except Superseded:
        raise
    except ServiceError:
        _let_go_at_least(site, instance)
        raise
    let_go(site, instance)


def _move(site: Site, instance: Instance, moves: Moves, pace: Pace) -> None:
    try:
        if pace.bytes_per_second is not None:
            hold_back(site, instance, throttle_of(moves.all, pace.bytes_per_second))
        begin_moves(site, instance, moves)
        wait_for(site, moves_done(instance, moves))
        lead_as_wished(site, instance, moves)
    except Superseded:
        raise
    except ServiceError:
        _give_up(site, instance, moves)
        raise
    let_go(site, instance)


def _give_up(site: Site, instance: Instance, moves: Moves) -> None:
    # The first failure is the one to tell; what cannot be tidied up now the next run tidies up.
    try:
        if cancel_moves(site, instance, moves):
            wait_for(site, nothing_moves(instance))
    except Superseded:
        raise
    except ServiceError as failure:
        site.stage.say(f"what moves was not stopped: {failure}")
    _let_go_at_least(site, instance)


def _let_go_at_least(site: Site, instance: Instance) -> None:
    try:
        let_go(site, instance)
    except Superseded:
        raise
    except ServiceError as failure:
        site.stage.say(f"throttles were not removed, the next run does: {failure}")
