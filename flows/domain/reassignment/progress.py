"""How far a reassignment is, and how long it still takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flows.domain.reassignment.assignment import Move
from flows.domain.reassignment.portions import Sizes, copied_bytes

ReplicaSizes = Mapping[tuple[str, int, int], int]
"""Topic, number, broker -> bytes of that replica on its disk."""


@dataclass(frozen=True)
class Progress:
    """Bytes copied of those that there are to copy, and the seconds that it took."""

    copied: int
    total: int
    seconds: float

    @property
    def percent(self) -> float:
        """0 to 100; what has nothing to copy is done."""
        return min(100.0, 100.0 * self.copied / self.total) if self.total else 100.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None as long as nothing was copied."""
        left = max(0, self.total - self.copied)
        if left and (self.copied <= 0 or self.seconds <= 0):
            return None
        return left * self.seconds / self.copied if left else 0.0

    @property
    def sentence(self) -> str:
        """`40 % of 1,200 MB copied, about 90 s left`."""
        left = self.seconds_left
        rest = "" if left is None else f", about {left:.0f} s left"
        return f"{self.percent:.0f} % of {self.total / 1e6:,.0f} MB copied{rest}"


def partition_sizes(replicas: ReplicaSizes) -> dict[tuple[str, int], int]:
    """Bytes of one replica of each partition: those of its largest one."""
    sizes: dict[tuple[str, int], int] = {}
    for (topic, number, _), size in replicas.items():
        sizes[topic, number] = max(size, sizes.get((topic, number), 0))
    return sizes


def progress(
    moves: Iterable[Move], sizes: Sizes, replicas: ReplicaSizes, seconds: float
) -> Progress:
    """What has arrived of the moves; `sizes` are those from before the first byte moved."""
    moves = tuple(moves)
    arrived = sum(
        min(replicas.get((*move.partition, broker), 0), sizes.get(move.partition, 0))
        for move in moves
        for broker in move.arriving
    )
    return Progress(arrived, copied_bytes(moves, sizes), seconds)
