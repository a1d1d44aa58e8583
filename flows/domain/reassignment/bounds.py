"""How little can move at all: what every proposal for a goal has to copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from flows.domain.reassignment.assignment import Assignment, Goal, PartitionName
from flows.domain.reassignment.layout import per_rack_limit, racks_are_full


def lower_bound(assignment: Assignment, goal: Goal) -> int:
    """Copies that every even, rack-aware assignment for the goal needs; racks can demand more.

    Two bounds, of which the higher one holds.

    1. A partition can keep no replica on a broker that is not in the goal, no more of one rack
       than a rack may have, and no more than it is to have: the rest of its replicas are copied.
    2. N replicas on n brokers that are alike are even only when each holds q = N // n or, N mod n
       of them, q + 1. A broker keeps at most what it has, and at most what it holds in the end; so
       at least N minus the sum of min(has, holds) are copied. That sum is largest when the q + 1
       are those that have more than q. All brokers are alike when all racks are of one size;
       when every partition fills every rack, those of one rack are, and each rack counts alone.

    With other racks, or settled replicas, only the first one is used.
    """
    counts = _counts(assignment, goal)
    wished = sum(counts.values())
    forced = wished - sum(_keepable(assignment, goal))
    if goal.settled or not assignment:
        return forced
    has = Counter(broker for replicas in assignment.values() for broker in replicas)
    racks = _racks(goal)
    if full_racks(assignment, goal):
        return max(forced, sum(_uneven(has, rack, _fill(counts, rack, racks)) for rack in racks))
    alike = len({len(rack) for rack in racks}) == 1
    return max(forced, _uneven(has, goal.brokers, wished)) if alike else forced


def full_racks(assignment: Assignment, goal: Goal) -> bool:
    """Whether every partition fills every rack, so that racks hold what they must."""
    sizes = [len(rack) for rack in _racks(goal)]
    return all(racks_are_full(sizes, each) for each in set(_counts(assignment, goal).values()))


def _counts(assignment: Assignment, goal: Goal) -> dict[PartitionName, int]:
    return {name: goal.replicas or len(replicas) for name, replicas in assignment.items()}


def _racks(goal: Goal) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for broker in goal.brokers:
        found.setdefault(goal.rack(broker), []).append(broker)
    return list(found.values())


def _fill(
    counts: Mapping[PartitionName, int], rack: Sequence[int], racks: Sequence[Sequence[int]]
) -> int:
    sizes = [len(each) for each in racks]
    return sum(
        partitions * min(len(rack), per_rack_limit(sizes, count))
        for count, partitions in Counter(counts.values()).items()
    )


def _keepable(assignment: Assignment, goal: Goal) -> Iterator[int]:
    brokers = frozenset(goal.brokers)
    sizes = [len(rack) for rack in _racks(goal)]
    limits = {
        count: per_rack_limit(sizes, count) for count in set(_counts(assignment, goal).values())
    }
    for replicas in assignment.values():
        wished = goal.replicas or len(replicas)
        limit = limits[wished]
        there = Counter(goal.rack(broker) for broker in replicas if broker in brokers)
        yield min(wished, sum(min(limit, count) for count in there.values()))


def _uneven(has: Mapping[int, int], brokers: Sequence[int], wished: int) -> int:
    each, more = divmod(wished, len(brokers))
    there = [has.get(broker, 0) for broker in brokers]
    fuller = sum(1 for held in there if held > each)
    return wished - sum(min(held, each) for held in there) - min(more, fuller)
