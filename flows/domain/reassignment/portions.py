"""A proposal in portions: as much as may move at one time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from flows.domain.reassignment.assignment import Move, PartitionName

MEGABYTE = 1_000_000

Sizes = Mapping[PartitionName, int]
"""Bytes of one replica of a partition; partitions that are not in it are empty."""


@dataclass(frozen=True)
class PortionLimit:
    """How many partitions move at a time, and how many bytes are copied for them."""

    partitions: int = 50
    copied_bytes: int = 50_000_000_000


@dataclass(frozen=True)
class Pace:
    """How a reassignment is carried out; `bytes_per_second` None holds nothing back."""

    bytes_per_second: int | None = None
    limit: PortionLimit = PortionLimit()

    @classmethod
    def at(cls, megabytes_per_second: float) -> Self:
        """The pace that a request names; 0 holds nothing back."""
        return cls(int(megabytes_per_second * MEGABYTE) or None)


def copied_bytes(moves: Iterable[Move], sizes: Sizes) -> int:
    """What all the moves copy over the network."""
    return sum(sizes.get(move.partition, 0) * len(move.arriving) for move in moves)


def portions(
    moves: Iterable[Move], sizes: Sizes, limit: PortionLimit
) -> Iterator[tuple[Move, ...]]:
    """The moves in their order, cut so that no portion exceeds the limit.

    A partition that is larger than the limit alone is a portion of its own.
    """
    portion: list[Move] = []
    for move in moves:
        if portion and _exceeds([*portion, move], sizes, limit):
            yield tuple(portion)
            portion = []
        portion.append(move)
    if portion:
        yield tuple(portion)


def _exceeds(moves: list[Move], sizes: Sizes, limit: PortionLimit) -> bool:
    return len(moves) > limit.partitions or copied_bytes(moves, sizes) > limit.copied_bytes
