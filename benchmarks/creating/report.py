"""The result as people read it (Markdown, on paper and on a terminal alike) and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.creating.machine import Machine
from benchmarks.creating.own_hosts import Beside
from benchmarks.creating.phases import Row
from benchmarks.creating.product import Memory
from benchmarks.creating.spans import Cost


@dataclass(frozen=True)
class Goal:
    """A promise: at most so much of a unit; met or not, it is always shown."""

    title: str
    measured: float
    limit: float
    unit: str

    @property
    def verdict(self) -> str:
        """Whether the promise is kept."""
        return "met" if self.measured <= self.limit else "NOT MET"


@dataclass(frozen=True)
class Side:
    """Medians of one side: all of it, and the same without making the machines."""

    whole: Cost
    without_machines: Cost


@dataclass(frozen=True)
class Result:
    """All that was measured; costs and seconds are medians over the repetitions."""

    date: str
    repetitions: int
    machine: Machine
    rows: tuple[Row, ...]
    floor: Side
    ours: Side
    said: tuple[str, ...]
    sweeps: tuple[int, ...]
    deletion: tuple[tuple[str, float], ...]
    memory: Memory
    goals: tuple[Goal, ...]
    beside: tuple[Beside, ...] = ()

    @property
    def ratio(self) -> float:
        """The product from its request, machines included, to the floor from ready machines."""
        return self.ours.whole.seconds / self.floor.without_machines.seconds

    @property
    def fair_ratio(self) -> float:
        """Both with their machines."""
        return self.ours.whole.seconds / self.floor.whole.seconds


def markdown(result: Result) -> str:
    """The page of a result."""
    return "\n".join(
        [
            f"# Creating three brokers, {result.date}",
            "",
            *_machine(result),
            "",
            "## Goals",
            "",
            *_table(("goal", "measured", "at most", ""), _goal_cells(result.goals)),
            "",
            "## From the request to the first acks=all message over SASL_SSL",
            "",
            *_ratios(result),
            "",
            *_table(_HEAD, _phase_cells(result)),
            "",
            "Why, phase by phase:",
            "",
            *(f"- {row.phase.title}: {row.phase.why}." for row in result.rows),
            "",
            *(
                f"Creation {number}: {said}; health sweeps that began meanwhile: {sweeps}."
                for number, (said, sweeps) in enumerate(
                    zip(result.said, result.sweeps, strict=True), start=1
                )
            ),
            "",
            "## Deletion",
            "",
            *_table(("step", "s"), [(name, f"{each:.1f}") for name, each in result.deletion]),
            "",
            *_beside(result),
            "## Memory at rest",
            "",
            f"{result.memory.processes} processes: {result.memory.rss:.0f} MB resident in all, "
            f"{result.memory.pss:.0f} MB when shared pages are counted once.",
            "",
        ]
    )


def write(result: Result, directory: Path) -> tuple[Path, Path]:
    """Both files, named after the day; an earlier result of the day is replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    page, data = (directory / f"creation-{result.date}.{kind}" for kind in ("md", "json"))
    page.write_text(markdown(result))
    data.write_text(json.dumps(_plain(result), indent=2) + "\n")
    return page, data


_HEAD = (
    "phase",
    *("floor s", "CPU host", "machines", "control"),
    *("ours s", "CPU host", "machines", "control"),
    "times",
)


def _machine(result: Result) -> list[str]:
    machine = result.machine
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    load = " ".join(f"{each:.2f}" for each in machine.load)
    return [
        f"{machine.cores} cores ({machine.cpu}), {machine.memory_gib} GiB, {machine.kernel}; "
        f"load average at the start {load}.",
        f"Commit {machine.commit}; {versions}.",
        f"Medians over {result.repetitions} of each; CPU is in seconds, of the whole host, and of "
        "that what the lab's machines and the control side used.",
        *([] if machine.quiet else ["", "**The machine was not quiet: not a result to keep.**"]),
    ]


def _beside(result: Result) -> list[str]:
    if not result.beside:
        return []
    cells = [(each.title, f"{each.lab:.1f}", f"{each.hosts:.1f}") for each in result.beside]
    words = "The same wish on three machines that the product knows only by a list; sudo, no root."
    return [
        "## On own hosts, in the same run",
        "",
        words,
        "",
        *_table(("", "lab s", "own hosts s"), cells),
        "",
    ]


def _ratios(result: Result) -> list[str]:
    floor, ours = result.floor, result.ours
    return [
        f"Ours takes {ours.whole.seconds:.1f} s from the request, its machines included; by hand "
        f"it is {floor.without_machines.seconds:.1f} s from three machines that answer SSH: "
        f"**{result.ratio:.1f} times the floor**.",
        f"With the machines on both sides it is {ours.whole.seconds:.1f} s against "
        f"{floor.whole.seconds:.1f} s: {result.fair_ratio:.1f} times.",
    ]


def _goal_cells(goals: Sequence[Goal]) -> list[tuple[str, ...]]:
    return [
        (
            goal.title,
            f"{goal.measured:.3g} {goal.unit}",
            f"{goal.limit:g} {goal.unit}",
            goal.verdict,
        )
        for goal in goals
    ]


def _phase_cells(result: Result) -> list[tuple[str, ...]]:
    floor, ours = result.floor, result.ours
    return [
        *(_cells(row.phase.title, row.floor, row.ours) for row in result.rows),
        _cells("in all", floor.whole, ours.whole),
        _cells("in all, without machines", floor.without_machines, ours.without_machines),
    ]


def _cells(title: str, floor: Cost, ours: Cost) -> tuple[str, ...]:
    times = f"{ours.seconds / floor.seconds:.1f}" if floor.seconds and ours.seconds else ""
    return (title, *_numbers(floor), *_numbers(ours), times)


def _numbers(cost: Cost) -> Iterator[str]:
    for number in (cost.seconds, cost.host, cost.machines, cost.control):
        yield f"{number:.1f}" if cost.seconds else ""


def _table(head: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown, aligned so that it can be read as it is; numbers to the right."""
    widths = [max(len(line[column]) for line in (head, *cells)) for column in range(len(head))]
    rule = [
        f"{'-' * (width - 1)}{'-' if place == 0 else ':'}" for place, width in enumerate(widths)
    ]
    return [f"| {' | '.join(_aligned(line, widths))} |" for line in (head, rule, *cells)]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]


def _plain(result: Result) -> dict[str, object]:
    verdicts = [{**asdict(goal), "verdict": goal.verdict} for goal in result.goals]
    ratios = {"ratio": result.ratio, "ratio_with_machines": result.fair_ratio}
    return {**asdict(result), "goals": verdicts, **ratios, "quiet": result.machine.quiet}
