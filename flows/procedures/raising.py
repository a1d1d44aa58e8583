"""More replicas, while brokers go away, for partitions that cannot spare one.

What has to be put back is noted in the instance's ZooKeeper before the first replica is added, and
forgotten after the last one is gone; so it is found after whatever end of a run.
"""

from __future__ import annotations

from collections.abc import Collection

from flows.domain.cluster import ClusterState
from flows.domain.instance import Instance
from flows.domain.raising import moves_back
from flows.domain.reassignment import Pace, Proposal, unfinished
from flows.procedures.reassign import reassign
from flows.steps.raising import any_raised, find_raises, forget_raised
from flows.steps.reassigning import let_go, nothing_moves
from flows.steps.site import Site
from flows.steps.waiting import wait_for


def raise_replicas(site: Site, instance: Instance, brokers: Collection[int], pace: Pace) -> None:
    """Users' partitions can spare any one of these brokers; all replicas are in sync."""
    wait_for(site, nothing_moves(instance))
    let_go(site, instance)
    moves = find_raises(site, instance, brokers)

    def wanted(state: ClusterState) -> Proposal:
        return Proposal(unfinished(moves, state))

    if moves:
        reassign(site, instance, wanted, pace)


def put_replicas_back(site: Site, instance: Instance) -> None:
    """Whatever a roll raised has the replicas that it had before; nothing is copied for it."""
    if any_raised(site, instance):
        reassign(site, instance, moves_back, Pace())
        forget_raised(site, instance)
