"""Spans of time with what they cost; times are seconds since 1970."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Span:
    """Something that was done from one moment to another."""

    name: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass(frozen=True)
class Sample:
    """CPU seconds used so far: by the whole host, and within that by the lab's machines and by
    the control side."""

    at: float
    host: float
    machines: float
    control: float


@dataclass(frozen=True)
class Cost:
    """What something took: seconds, and CPU seconds of the host, its machines, its control side.

    What the host used beyond the two others is the kernel's, and whoever else ran.
    """

    seconds: float = 0.0
    host: float = 0.0
    machines: float = 0.0
    control: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(
            self.seconds + other.seconds,
            self.host + other.host,
            self.machines + other.machines,
            self.control + other.control,
        )


NOTHING = Cost()


class Stopwatch:
    """Notes spans that follow each other."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """What is done inside becomes a span, unless it fails."""
        began = time.time()
        yield
        self.spans.append(Span(name, began, time.time()))


def cost(span: Span, samples: Sequence[Sample]) -> Cost:
    """The cost of a span, between samples in proportion to time; without any, its seconds only."""
    if not samples:
        return Cost(span.seconds)
    first, last = at(samples, span.began), at(samples, span.ended)
    return Cost(
        span.seconds,
        last.host - first.host,
        last.machines - first.machines,
        last.control - first.control,
    )


def costs_of(spans: Sequence[Span], samples: Sequence[Sample]) -> dict[str, Cost]:
    """Name -> cost, in the order of time; spans of one name are added."""
    found: dict[str, Cost] = {}
    for span in spans:
        found[span.name] = found.get(span.name, NOTHING) + cost(span, samples)
    return found


def at(samples: Sequence[Sample], moment: float) -> Sample:
    """What was used at a moment; before the first and after the last sample nothing changes."""
    place = bisect_right(samples, moment, key=lambda sample: sample.at)
    if place == 0:
        return samples[0]
    if place == len(samples):
        return samples[-1]
    before, after = samples[place - 1], samples[place]
    share = (moment - before.at) / (after.at - before.at)
    return Sample(
        moment,
        before.host + share * (after.host - before.host),
        before.machines + share * (after.machines - before.machines),
        before.control + share * (after.control - before.control),
    )


def with_gaps(began: float, steps: Sequence[Span], first: str, others: str) -> tuple[Span, ...]:
    """The steps, and the time before the first and between the others as spans of these names.

    Steps may run at the same time; they come in the order in which they began.
    """
    found, moment, name = [], began, first
    for step in steps:
        found += [Span(name, moment, max(moment, step.began)), step]
        moment, name = max(moment, step.ended), others
    return tuple(found)


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each number."""
    return Cost(
        median(each.seconds for each in costs),
        median(each.host for each in costs),
        median(each.machines for each in costs),
        median(each.control for each in costs),
    )
