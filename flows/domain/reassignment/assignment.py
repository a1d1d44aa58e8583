"""What a reassignment is about: who holds which partition, what is wished, and what moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flows.domain.cluster import Partition

PartitionName = tuple[str, int]
"""Topic and number."""
Assignment = Mapping[PartitionName, tuple[int, ...]]
"""Partition -> replicas, the preferred leader first."""


@dataclass(frozen=True)
class Goal:
    """Where replicas may lie, and how many each partition has.

    `racks` is broker -> rack; brokers that are not in it share one. `replicas` None keeps the
    number that each partition has. With `settled`, a replica that may stay where it is does stay,
    and only what has to be placed anew is placed evenly: for raising replicas for a while.
    """

    brokers: tuple[int, ...]
    racks: Mapping[int, str] = field(default_factory=dict)
    replicas: int | None = None
    settled: bool = False

    def rack(self, broker: int) -> str:
        """The rack of a broker."""
        return self.racks.get(broker, "")


@dataclass(frozen=True)
class Move:
    """One partition that gets another list of replicas."""

    topic: str
    number: int
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def partition(self) -> PartitionName:
        """Topic and number."""
        return self.topic, self.number

    @property
    def arriving(self) -> tuple[int, ...]:
        """Brokers that have to copy the partition."""
        return tuple(broker for broker in self.after if broker not in self.before)

    @property
    def leaving(self) -> tuple[int, ...]:
        """Brokers that drop it afterwards."""
        return tuple(broker for broker in self.before if broker not in self.after)

    @property
    def back(self) -> Move:
        """The move that undoes this one."""
        return Move(self.topic, self.number, self.after, self.before)


@dataclass(frozen=True)
class Proposal:
    """The moves that reach a goal; partitions that stay as they are are not in it."""

    moves: tuple[Move, ...] = ()

    @property
    def copies(self) -> int:
        """Replicas that are copied to a broker that did not have them."""
        return sum(len(move.arriving) for move in self.moves)

    def applied(self, assignment: Assignment) -> dict[PartitionName, tuple[int, ...]]:
        """The assignment once all moves are done."""
        return {**assignment, **{move.partition: move.after for move in self.moves}}


def assignment_of(
    partitions: Iterable[Partition], topics: Iterable[str] | None = None
) -> dict[PartitionName, tuple[int, ...]]:
    """The assignment of these topics, or of all, as metadata shows it."""
    chosen = None if topics is None else frozenset(topics)
    return {
        (part.topic, part.number): part.replicas
        for part in partitions
        if chosen is None or part.topic in chosen
    }
