"""Planning a reassignment of 100,000 partitions: seconds and copies, beside a floor and a peer.

`fleet bench reassignment`, or `python -m benchmarks.reassignment [--partitions N] [--results DIR]`.
The floor walks the assignment once and counts what each broker holds; nobody can plan with less.
The peer is what Kafka itself would do (`kafka-reassign-partitions --generate`): it assigns every
partition anew, in turn, and never looks where replicas lie. Nothing but this process is used.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TypeVar

from benchmarks.creating.machine import Machine, describe
from benchmarks.creating.report import Goal
from flows.domain.reassignment import Goal as Wished
from flows.domain.reassignment import PartitionName, lower_bound, propose
from flows.settings import CHECKOUT

RESULTS = CHECKOUT / "benchmarks" / "results"
BROKERS, ADDED, REPLICAS, PER_TOPIC = 100, 10, 3, 100
PARTITIONS = 100_000
GOAL_SECONDS, GOAL_EXCESS_PERCENT = 10.0, 1.0

Lists = dict[PartitionName, tuple[int, ...]]
T = TypeVar("T")


@dataclass(frozen=True)
class Arm:
    """One way to plan one change; `copies` are replicas that a broker has to fetch."""

    change: str
    planner: str
    seconds: float
    copies: int | None = None
    lower_bound: int | None = None
    partitions: int | None = None
    replicas: str = ""
    leaders: str = ""

    @property
    def excess_percent(self) -> float | None:
        """Copies above the lower bound."""
        if self.copies is None or not self.lower_bound:
            return None
        return 100.0 * (self.copies - self.lower_bound) / self.lower_bound


@dataclass(frozen=True)
class Result:
    """All that was measured."""

    date: str
    machine: Machine
    partitions: int
    arms: tuple[Arm, ...]
    goals: tuple[Goal, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Everything was measured, printed and written."""
    wish = _parser().parse_args(arguments)
    result = measure(wish.partitions)
    print(markdown(result))
    for path in write(result, wish.results):
        print(f"── written: {path}", file=sys.stderr)
    return 0


def measure(partitions: int) -> Result:
    """Each change by each planner, in one process."""
    machine = describe()
    arms = tuple(_arms(partitions))
    return Result(
        date=datetime.now(UTC).date().isoformat(),
        machine=machine,
        partitions=partitions,
        arms=arms,
        goals=_goals(arms),
    )


def _arms(partitions: int) -> Iterator[Arm]:
    old, new = brokers(BROKERS - ADDED), brokers(BROKERS)
    present = in_turn(topics(partitions), old, Random(1))
    added = f"{ADDED} brokers added to {len(old)}"
    yield _floor(added, present)
    yield _ours(added, present, Wished(new))
    yield _peer(added, present, new)
    racks = {broker: f"zone-{broker % 3}" for broker in new}
    zoned = propose(present, Wished(old, racks)).applied(present)
    yield _ours(f"{added}, three racks", zoned, Wished(new, racks))
    full = in_turn(topics(partitions), new, Random(2))
    yield _ours(f"{ADDED} brokers taken from {BROKERS}", full, Wished(old))
    yield _ours("one replica more, the others settled",
                in_turn(topics(partitions), new, Random(3), replicas=2),
                Wished(new, replicas=REPLICAS, settled=True))  # fmt: skip


def brokers(count: int) -> tuple[int, ...]:
    """Ids from 1 on."""
    return tuple(range(1, count + 1))


def topics(partitions: int) -> list[PartitionName]:
    """So many partitions, in topics of a hundred."""
    return [(f"topic-{each // PER_TOPIC}", each % PER_TOPIC) for each in range(partitions)]


def in_turn(
    names: Sequence[PartitionName],
    on: tuple[int, ...],
    chance: Random,
    replicas: int = REPLICAS,
) -> Lists:
    """As Kafka assigns the partitions of new topics: leaders in turn, followers shifted."""
    found: Lists = {}
    start = shift = 0
    for topic, number in names:
        if number == 0:
            start, shift = chance.randrange(len(on)), chance.randrange(len(on))
        elif number % len(on) == 0:
            shift += 1
        first = (start + number) % len(on)
        followers = (
            on[(first + 1 + (shift + each) % (len(on) - 1)) % len(on)]
            for each in range(replicas - 1)
        )
        found[topic, number] = (on[first], *followers)
    return found


def _floor(change: str, present: Lists) -> Arm:
    _, seconds = _timed(lambda: Counter(each for lists in present.values() for each in lists))
    return Arm(change, "floor: counted once", seconds)


def _ours(change: str, present: Lists, wished: Wished) -> Arm:
    proposal, seconds = _timed(lambda: propose(present, wished))
    return _arm(change, "ours", seconds, (present, wished, proposal.applied(present)))


def _peer(change: str, present: Lists, on: tuple[int, ...]) -> Arm:
    after, seconds = _timed(lambda: in_turn(list(present), on, Random(4)))
    return _arm(change, "peer: Kafka's --generate", seconds, (present, Wished(on), after))


def _arm(change: str, planner: str, seconds: float, found: tuple[Lists, Wished, Lists]) -> Arm:
    present, wished, after = found
    return Arm(
        change=change,
        planner=planner,
        seconds=seconds,
        copies=sum(len(set(after[name]) - set(present[name])) for name in present),
        lower_bound=lower_bound(present, wished),
        partitions=sum(1 for name in present if after[name] != present[name]),
        replicas=_spread(each for lists in after.values() for each in lists),
        leaders=_spread(lists[0] for lists in after.values()),
    )


def _spread(found: Iterator[int]) -> str:
    loads = Counter(found).values()
    return f"{min(loads)}-{max(loads)}"


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def _goals(arms: Sequence[Arm]) -> tuple[Goal, ...]:
    ours = next(arm for arm in arms if arm.planner == "ours")
    excess = ours.excess_percent
    assert excess is not None
    return (
        Goal(f"plan, {ours.change}", ours.seconds, GOAL_SECONDS, "s"),
        Goal("copies above the lower bound", excess, GOAL_EXCESS_PERCENT, "%"),
    )


def markdown(result: Result) -> str:
    """The page of a result."""
    machine = result.machine
    load = " ".join(f"{each:.2f}" for each in machine.load)
    return "\n".join(
        [
            f"# Planning a reassignment of {result.partitions:,} partitions, {result.date}",
            "",
            f"{machine.cores} cores ({machine.cpu}), {machine.memory_gib} GiB, {machine.kernel}; "
            f"load average at the start {load}.",
            f"Commit {machine.commit}; python {machine.versions['python']}. {REPLICAS} replicas, "
            f"topics of {PER_TOPIC} partitions, assigned as Kafka does. One run of each.",
            *([] if machine.quiet else ["", "**The machine was not quiet.**"]),
            "",
            "| goal | measured | at most | |",
            "|---|---:|---:|---|",
            *(
                f"| {goal.title} | {goal.measured:.2f} {goal.unit} | {goal.limit:g} {goal.unit} "
                f"| {goal.verdict} |"
                for goal in result.goals
            ),
            "",
            "| change | planner | s | copies | lower bound | above | partitions | replicas per "
            "broker | leaders per broker |",
            "|---|---|---:|---:|---:|---:|---:|---:|---:|",
            *(_line(arm) for arm in result.arms),
            "",
        ]
    )


def _line(arm: Arm) -> str:
    above = "" if arm.excess_percent is None else f"{arm.excess_percent:.2f} %"
    numbers = ("" if each is None else f"{each:,}"
               for each in (arm.copies, arm.lower_bound))  # fmt: skip
    changed = "" if arm.partitions is None else f"{arm.partitions:,}"
    cells = (arm.change, arm.planner, f"{arm.seconds:.2f}", *numbers, above, changed)
    return f"| {' | '.join((*cells, arm.replicas, arm.leaders))} |"


def write(result: Result, directory: Path) -> tuple[Path, Path]:
    """Both files, named after the day; an earlier result of the day is replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    page, data = (directory / f"reassignment-{result.date}.{kind}" for kind in ("md", "json"))
    page.write_text(markdown(result))
    plain = {**asdict(result), "goals": [{**asdict(g), "verdict": g.verdict} for g in result.goals]}
    data.write_text(json.dumps(plain, indent=2) + "\n")
    return page, data


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fleet bench reassignment", description=__doc__)
    parser.add_argument("--partitions", type=int, default=PARTITIONS, metavar="N")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
