"""Replicas that are there for a roll only: how they are remembered, and how they are put back.

What has to be put back is kept in the instance's own ZooKeeper, beside the lists that it is about:
whoever looks at the cluster finds it, after whatever end of whichever run.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from flows.domain.cluster import ClusterState, Partition, Raised, ZNode
from flows.domain.reassignment import Move, Proposal

RAISED_PATH = "/fleet_raised_replicas"


def raised_node(raised: Iterable[Raised]) -> ZNode:
    """The node that remembers them: topic -> partition -> replicas before and after."""
    found: defaultdict[str, dict[str, list[list[int]]]] = defaultdict(dict)
    for each in raised:
        found[each.topic][str(each.number)] = [list(each.before), list(each.after)]
    return ZNode(RAISED_PATH, json.dumps(found, sort_keys=True, separators=(",", ":")))


def read_raised(text: str) -> tuple[Raised, ...]:
    """What such a node remembers."""
    return tuple(
        Raised(topic, int(number), tuple(before), tuple(after))
        for topic, partitions in sorted(json.loads(text).items())
        for number, (before, after) in sorted(partitions.items(), key=lambda each: int(each[0]))
    )


def with_moves(raised: Iterable[Raised], moves: Iterable[Move]) -> tuple[Raised, ...]:
    """What is to be remembered before these moves begin; what was there first is put back."""
    found = {(each.topic, each.number): each for each in raised}
    for move in moves:
        known = found.get(move.partition)
        before = known.before if known and is_raised(known, move.before) else move.before
        found[move.partition] = Raised(*move.partition, before, move.after)
    return tuple(found[name] for name in sorted(found))


def moves_back(state: ClusterState) -> Proposal:
    """The moves that put back what was raised.

    A topic that is gone, or that somebody placed otherwise meanwhile, is left as it is.
    """
    lists = {(part.topic, part.number): part for part in state.partitions}
    return Proposal(
        tuple(
            Move(each.topic, each.number, part.replicas, each.before)
            for each in state.raised
            if (part := lists.get((each.topic, each.number))) and _is_to_go_back(each, part)
        )
    )


def _is_to_go_back(raised: Raised, partition: Partition) -> bool:
    return partition.replicas != raised.before and is_raised(raised, partition.replicas)


def is_raised(raised: Raised, replicas: tuple[int, ...]) -> bool:
    """Whether these replicas are those before, with some or all of those that were added."""
    return set(raised.before) <= set(replicas) <= set(raised.after)
