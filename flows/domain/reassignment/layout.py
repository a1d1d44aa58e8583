"""Pieces on brokers while they are being evened out: what may move where, and what it costs.

A piece is a partition with its replicas, or its leader alone. The cost of a move is the number of
replicas that have to be copied more than before: one that leaves its home costs 1, one that has
left it already 0, one that comes home -1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """What has to lie on `count` brokers, at most `per_rack` of them in one rack.

    `home` is where it lies now; `allowed` the brokers that it can lie on, None for all; `topic`
    the number of its topic.
    """

    home: frozenset[int]
    count: int
    per_rack: int
    allowed: frozenset[int] | None = None
    topic: int = 0


class Layout:
    """Where the pieces lie; brokers are numbered from 0, `racks` is the rack of each."""

    def __init__(self, pieces: Sequence[Piece], racks: Sequence[int]) -> None:
        self.pieces = pieces
        self.racks = racks
        self.loads = [0] * len(racks)
        self.held: list[set[int]] = [set() for _ in pieces]
        self.on: list[dict[int, None]] = [{} for _ in racks]
        self.of_topic: list[defaultdict[int, int]] = [defaultdict(int) for _ in racks]
        self.members: list[list[int]] = [[] for _ in range(max(racks, default=-1) + 1)]
        for broker, rack in enumerate(racks):
            self.members[rack].append(broker)

    def put(self, piece: int, broker: int) -> None:
        """The piece lies on the broker too."""
        self.held[piece].add(broker)
        self.on[broker][piece] = None
        self.of_topic[broker][self.pieces[piece].topic] += 1
        self.loads[broker] += 1

    def take(self, piece: int, broker: int) -> None:
        """The piece does not lie on the broker any more."""
        self.held[piece].remove(broker)
        del self.on[broker][piece]
        self.of_topic[broker][self.pieces[piece].topic] -= 1
        self.loads[broker] -= 1

    def has_room(self, piece: int, rack: int, besides: int | None = None) -> bool:
        """Whether the rack can take the piece once more, when it leaves the broker `besides`."""
        racks = self.racks
        used = sum(1 for each in self.held[piece] if racks[each] == rack and each != besides)
        return used < self.pieces[piece].per_rack

    def may_move(self, piece: int, source: int, target: int) -> bool:
        """Whether a piece that lies on the source may lie on the target instead."""
        if target in self.held[piece]:
            return False
        allowed = self.pieces[piece].allowed
        if allowed is not None and target not in allowed:
            return False
        rack = self.racks[target]
        return rack == self.racks[source] or self.has_room(piece, rack, source)

    def excess(self, topic: int, source: int, target: int) -> int:
        """How many more pieces of a topic the source holds than the target."""
        return self.of_topic[source][topic] - self.of_topic[target][topic]

    def cost(self, piece: int, source: int, target: int) -> int:
        """Copies that the move adds: -1, 0 or 1."""
        home = self.pieces[piece].home
        return (target not in home) - (source not in home)

    @property
    def moved(self) -> int:
        """Copies that are needed to get here from where everything was."""
        return sum(
            len(held - piece.home) for held, piece in zip(self.held, self.pieces, strict=True)
        )


def per_rack_limit(sizes: Collection[int], count: int) -> int:
    """The fewest replicas that a rack must take: 1 where racks suffice.

    `sizes` are the brokers of each rack; `count` is at most their sum.
    """
    limit = 1
    while sum(min(limit, size) for size in sizes) < count:
        limit += 1
    return limit


def racks_are_full(sizes: Collection[int], count: int) -> bool:
    """Whether every rack must hold as many of `count` replicas as it can take."""
    limit = per_rack_limit(sizes, count)
    return sum(min(limit, size) for size in sizes) == count
