"""How far a reassignment is, and how long it still takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flows.domain.cluster import ClusterState, Partition, Replica
from flows.domain.reassignment.assignment import Move
from flows.domain.reassignment.portions import Sizes, copied_bytes

NAMED_AT_MOST = 5


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


def partition_sizes(replicas: Iterable[Replica]) -> dict[tuple[str, int], int]:
    """Bytes of one replica of each partition: those of its largest one."""
    sizes: dict[tuple[str, int], int] = {}
    for each in replicas:
        name = each.topic, each.partition
        sizes[name] = max(each.bytes, sizes.get(name, 0))
    return sizes


def progress(
    moves: Iterable[Move], sizes: Sizes, replicas: Iterable[Replica], seconds: float
) -> Progress:
    """What has arrived of the moves; `sizes` are those from before the first byte moved."""
    moves = tuple(moves)
    found = {(each.topic, each.partition, each.broker): each.bytes for each in replicas}
    arrived = sum(
        min(found.get((*move.partition, broker), 0), sizes.get(move.partition, 0))
        for move in moves
        for broker in move.arriving
    )
    return Progress(arrived, copied_bytes(moves, sizes), seconds)


def unfinished(moves: Iterable[Move], state: ClusterState) -> tuple[Move, ...]:
    """Moves of which a replica is not in sync yet, or an old one not gone.

    A topic that was deleted meanwhile has nothing left to move.
    """
    found = {(part.topic, part.number): part for part in state.partitions}
    moving = frozenset(state.reassigning)
    return tuple(
        move
        for move in moves
        if (part := found.get(move.partition)) is not None
        and (part.name in moving or not _arrived(move, part))
    )


def stuck(moves: Iterable[Move], state: ClusterState) -> str | None:
    """Which moves are not finished, and which of their brokers are not there; None when all are."""
    left = unfinished(moves, state)
    if not left:
        return None
    names = [f"{move.topic}-{move.number}" for move in left]
    shown = ", ".join(names[:NAMED_AT_MOST])
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    away = sorted({broker for move in left for broker in move.after} - state.registrations.keys())
    why = f"; not registered: broker {', '.join(str(each) for each in away)}" if away else ""
    return f"still moving: {shown}{more}{why}"


def _arrived(move: Move, part: Partition) -> bool:
    return part.replicas == move.after and set(move.after) <= set(part.in_sync)
