"""From who holds what to a proposal: even, rack-aware, and hardly anything moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from flows.domain.errors import refusal
from flows.domain.reassignment.assignment import (
    Assignment,
    Goal,
    Move,
    PartitionName,
    Proposal,
)
from flows.domain.reassignment.balancing import Rules, balance
from flows.domain.reassignment.bounds import full_racks, lower_bound
from flows.domain.reassignment.layout import Piece, per_rack_limit

Numbers = Mapping[int, int]
"""Broker id -> its number from 0 on."""


def propose(assignment: Assignment, goal: Goal) -> Proposal:
    """The moves after which the partitions lie as the goal says.

    Then no partition has two replicas in one rack where racks suffice, brokers hold equally many
    replicas (at most one apart, as far as racks allow), and so they do with preferred leaders as
    far as replicas allow. Of moves that are equally few those go that spread each topic. What
    stays keeps its place in the list. Every partition keeps as many replicas as it had, or has
    `goal.replicas`. The same input gives the same proposal.
    """
    _check(assignment, goal)
    names = sorted(assignment, key=lambda name: (name[1], name[0]))
    placed = _places(assignment, goal, names)
    ordered = _leaders_first(assignment, goal, placed)
    moves = (
        Move(*name, assignment[name], ordered[name])
        for name in sorted(names)
        if assignment[name] != ordered[name]
    )
    return Proposal(tuple(moves))


def _check(assignment: Assignment, goal: Goal) -> None:
    brokers = len(set(goal.brokers))
    if not brokers:
        raise refusal("brokers", "", "at least one broker is needed to hold replicas")
    if goal.replicas is not None and not 1 <= goal.replicas <= brokers:
        raise refusal("replicas", goal.replicas, f"accepted is 1 to {brokers}, one per broker")
    for (topic, number), replicas in assignment.items():
        if goal.replicas is None and len(replicas) > brokers:
            raise refusal(
                "brokers",
                brokers,
                f"partition {topic}-{number} has {len(replicas)} replicas and needs as many",
            )


def _places(
    assignment: Assignment, goal: Goal, names: Sequence[PartitionName]
) -> dict[PartitionName, frozenset[int]]:
    """Partition -> the brokers that hold it, in no order.

    `names` are sorted by number, so that what leaves a broker is of many topics.
    """
    brokers = sorted(set(goal.brokers))
    numbers = {broker: number for number, broker in enumerate(brokers)}
    racks = sorted({goal.rack(broker) for broker in brokers})
    rack_of = [racks.index(goal.rack(broker)) for broker in brokers]
    sizes = Counter(rack_of).values()
    limits: dict[int, int] = {}
    topics = _topics(assignment)
    pieces: list[Piece] = []
    for name in names:
        count = goal.replicas or len(assignment[name])
        limit = limits.setdefault(count, per_rack_limit(sizes, count))
        home = _numbered(assignment[name], numbers)
        pieces.append(Piece(home, count, limit, topic=topics[name[0]]))
    rules = Rules(goal.settled, lower_bound(assignment, goal), full_racks(assignment, goal))
    layout = balance(pieces, rack_of, rules)
    return {
        name: frozenset(brokers[number] for number in held)
        for name, held in zip(names, layout.held, strict=True)
    }


def _leaders_first(
    assignment: Assignment, goal: Goal, placed: Mapping[PartitionName, frozenset[int]]
) -> dict[PartitionName, tuple[int, ...]]:
    """The lists of replicas; one that led before leads on unless that would be uneven."""
    brokers = sorted(set(goal.brokers))
    numbers = {broker: number for number, broker in enumerate(brokers)}
    topics = _topics(assignment)
    lists = {name: _in_place(assignment[name], held) for name, held in placed.items()}
    pieces = [
        Piece(_numbered((assignment[name][0],), numbers) & allowed, 1, 1, allowed, topics[name[0]])
        for name, held in placed.items()
        for allowed in [_numbered(held, numbers)]
    ]
    # A new leader copies nothing: once they are even, nobody looks for fewer changes.
    layout = balance(pieces, [0] * len(brokers), Rules(goal.settled, enough=len(pieces)))
    leaders = (brokers[number] for (number,) in layout.held)
    return {
        name: (leader, *(each for each in lists[name] if each != leader))
        for name, leader in zip(placed, leaders, strict=True)
    }


def _topics(assignment: Assignment) -> dict[str, int]:
    """Topic -> its number."""
    return {topic: each for each, topic in enumerate(sorted({name for name, _ in assignment}))}


def _in_place(before: tuple[int, ...], held: frozenset[int]) -> tuple[int, ...]:
    """Those that stay where they stood, newcomers in the gaps of those that leave."""
    coming = sorted(held.difference(before))
    stays = [broker if broker in held else None for broker in before]
    filled = [broker if broker is not None else coming.pop(0) if coming else None
              for broker in stays]  # fmt: skip
    return (*(broker for broker in filled if broker is not None), *coming)


def _numbered(brokers: tuple[int, ...] | frozenset[int], numbers: Numbers) -> frozenset[int]:
    return frozenset(numbers[broker] for broker in brokers if broker in numbers)
