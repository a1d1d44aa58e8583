"""How little can move at all: what every proposal for a goal has to copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from flows.domain.reassignment.assignment import Assignment, Goal
from flows.domain.reassignment.layout import per_rack_limit


def lower_bound(assignment: Assignment, goal: Goal) -> int:
    """Copies that every even, rack-aware assignment for the goal needs; racks can demand more.

    Two bounds, of which the higher one holds.

    1. A partition can keep no replica on a broker that is not in the goal, no more of one rack
       than a rack may have, and no more than it is to have: the rest of its replicas are copied.
    2. Where racks do not force brokers apart, N replicas on n brokers are even only when each
       holds q = N // n or, N mod n of them, q + 1. A broker keeps at most what it has, and at
       most what it holds in the end; so at least N minus the sum of min(has, holds) are copied.
       That sum is largest when the q + 1 are those that have more than q.

    With racks of different sizes, or settled replicas, only the first one is used.
    """
    kept = sum(_keepable(assignment, goal))
    wished = sum(goal.replicas or len(replicas) for replicas in assignment.values())
    forced = wished - kept
    return forced if goal.settled or not _alike(goal) else max(forced, _uneven(assignment, goal))


def _keepable(assignment: Assignment, goal: Goal) -> Iterator[int]:
    brokers = frozenset(goal.brokers)
    sizes = Counter(goal.rack(broker) for broker in goal.brokers).values()
    for replicas in assignment.values():
        wished = goal.replicas or len(replicas)
        limit = per_rack_limit(sizes, wished)
        there = Counter(goal.rack(broker) for broker in replicas if broker in brokers)
        yield min(wished, sum(min(limit, count) for count in there.values()))


def _alike(goal: Goal) -> bool:
    return len(set(Counter(goal.rack(broker) for broker in goal.brokers).values())) <= 1


def _uneven(assignment: Assignment, goal: Goal) -> int:
    has = Counter(broker for replicas in assignment.values() for broker in replicas)
    wished = sum(goal.replicas or len(replicas) for replicas in assignment.values())
    each, more = divmod(wished, len(goal.brokers))
    fuller = sum(1 for broker in goal.brokers if has[broker] > each)
    kept = sum(min(has[broker], each) for broker in goal.brokers) + min(more, fuller)
    return wished - kept
