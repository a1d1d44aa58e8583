"""Where clients waited: each wait beside the step in which most of it fell. Times in seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.creating.spans import Span

SHORTEST_SECONDS = 0.3
UNKNOWN = "outside of all steps"
_BROKER = re.compile(r"^broker \d+: |broker \d+")

RawGap = tuple[float, float]
"""When one partition was heard of last, and next."""


@dataclass(frozen=True)
class Wait:
    """One wait of clients: partitions that were silent at the same time, the longest of them."""

    step: str
    seconds: float
    partitions: int
    began: float


@dataclass(frozen=True)
class Row:
    """All turns of a step: how often it was made, and the waits that fell into it."""

    step: str
    times: int
    took: float
    waits: int
    worst: float


def waits_of(gaps: Iterable[RawGap], steps: Sequence[Span]) -> tuple[Wait, ...]:
    """The long waits in the order of time; gaps that overlap are one."""
    long = sorted(gap for gap in gaps if gap[1] - gap[0] >= SHORTEST_SECONDS)
    return tuple(_wait(group, steps) for group in _overlapping(long))


def rows_of(rolls: Iterable[tuple[Sequence[Span], Sequence[Wait]]]) -> tuple[Row, ...]:
    """The steps of all rolls in the order of the first, whichever broker they were for."""
    steps: list[Span] = []
    waits: list[Wait] = []
    for made, found in rolls:
        steps += [Span(plain(step.name), step.began, step.ended) for step in made]
        waits += found
    titles = dict.fromkeys([step.name for step in steps] + [wait.step for wait in waits])
    return tuple(_row(title, steps, waits) for title in titles)


def table(rows: Iterable[Row]) -> list[str]:
    """The rows as Markdown."""
    return [
        "| step | times | a step (s) | waits | longest wait (s) |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {row.step} | {row.times} | {row.took:.2f} | {row.waits or ''} | "
            f"{f'{row.worst:.2f}' if row.waits else ''} |"
            for row in rows
        ),
    ]


def plain(title: str) -> str:
    """The title of a step, whichever broker it is for."""
    return _BROKER.sub(lambda found: "" if found[0].endswith(": ") else "the broker", title)


def _wait(group: Sequence[RawGap], steps: Sequence[Span]) -> Wait:
    began, ended = max(group, key=lambda gap: gap[1] - gap[0])

    def share(step: Span) -> float:
        return min(ended, step.ended) - max(began, step.began)

    guilty = max(steps, key=share, default=None)
    found = guilty is not None and share(guilty) > 0
    step = plain(guilty.name) if guilty is not None and found else UNKNOWN
    return Wait(step, ended - began, len(group), began)


def _overlapping(gaps: Sequence[RawGap]) -> Iterator[list[RawGap]]:
    group: list[RawGap] = []
    for gap in gaps:
        if group and gap[0] >= max(each[1] for each in group):
            yield group
            group = []
        group.append(gap)
    if group:
        yield group


def _row(title: str, steps: Sequence[Span], waits: Sequence[Wait]) -> Row:
    took = [step.seconds for step in steps if step.name == title]
    found = [wait.seconds for wait in waits if wait.step == title]
    return Row(title, len(took), median(took) if took else 0.0, len(found), max(found, default=0.0))
