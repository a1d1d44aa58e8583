"""Rolling over three brokers under load: what clients feel, the product beside restarts by hand.

`fleet bench rolling [--rolls N] [--plain N] [--partitions N] [--results DIR]`, as root. It brings
up a lab, a control plane and a secured instance of its own and leaves nothing of them. One client,
not the product, measures all arms in the same run: it writes with acks=all and reads a topic with
three replicas, two of them in sync. A goal that is not met is printed as such.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.creating.machine import Machine, describe
from benchmarks.creating.report import Goal
from benchmarks.creating.surroundings import Place, blank_place, control_plane
from benchmarks.restarting.arms import Turn, our_roll, plain_roll
from benchmarks.restarting.meter import measuring
from flows.domain.cluster import NewTopic
from flows.domain.errors import ServiceError
from flows.domain.permissions import OPEN_TOPIC
from flows.doors.wiring import open_doors
from flows.settings import CHECKOUT
from flows.steps.observation import remembered
from inventories.lab import LabError

NAME, TOPIC, USER, PASSWORD = "bench", "rolled", "bench", "Sturdy-Words-42"
RESULTS = CHECKOUT / "benchmarks" / "results"
Arm = Callable[[Place, str], tuple[Turn, ...]]


@dataclass(frozen=True)
class Restart:
    """What the client felt of one broker's turn; seconds."""

    write_gap: float
    read_gap: float
    took: float


@dataclass(frozen=True)
class Roll:
    """All turns of one roll, and what became of the client's messages in it."""

    restarts: tuple[Restart, ...]
    took: float
    sent: int
    failed: int
    lost: int
    duplicated: int


@dataclass(frozen=True)
class Result:
    """All that was measured: arm -> its rolls."""

    date: str
    machine: Machine
    partitions: int
    arms: dict[str, tuple[Roll, ...]]
    goals: tuple[Goal, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Everything was measured, printed and written (0), or one sentence says why not (1)."""
    wish = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        result = measure(wish.partitions, {"ours": wish.rolls, "by hand": wish.plain})
    except (ServiceError, LabError) as error:
        print(error, file=sys.stderr)
        return 1
    print(markdown(result))
    _write(result, wish.results)
    return 0


def measure(partitions: int, rolls: dict[str, int]) -> Result:
    """Each arm, so many rolls of it, on one instance."""
    machine = describe()
    arms: dict[str, Arm] = {"ours": our_roll, "by hand": plain_roll}
    with blank_place() as place, control_plane(place):
        settings = _prepared(place, partitions)
        found = {
            name: tuple(_measured(place, settings, arms[name], name) for _ in range(count))
            for name, count in rolls.items()
        }
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    return Result(now, machine, partitions, found, _goals(found))


def markdown(result: Result) -> str:
    """The result for people."""
    machine = result.machine
    quiet = "quiet" if machine.quiet else f"NOT quiet: load {machine.load[0]:.1f} before it began"
    rows = [_row(name, rolls) for name, rolls in result.arms.items() if rolls]
    goals = [
        f"| {goal.title} | {goal.measured:.2f} {goal.unit} | {goal.limit:g} {goal.unit} | "
        f"{goal.verdict} |"
        for goal in result.goals
    ]
    return "\n".join(
        [
            f"# Rolling over three brokers, {result.partitions} partitions ({result.date})",
            "",
            f"{machine.cores} cores, {machine.memory_gib} GiB, {machine.kernel}; {quiet}; "
            f"commit {machine.commit}. SASL_SSL, three replicas, two in sync, acks=all, a client.",
            "",
            "| arm | rolls | write gap: median, worst (s) | read gap: median, worst (s) | "
            "a broker (s) | a roll (s) | sent | failed | lost | duplicated |",
            "|---|---:|---|---|---:|---:|---:|---:|---:|---:|",
            *rows,
            "",
            "A gap is the longest time without an acknowledgement (a message read) of a partition "
            "in a broker's turn. By hand: `systemctl restart kafka`, a wait until nothing is "
            "under-replicated, 5 s; nobody moves leaders back.",
            "",
            "| goal | measured | at most | |",
            "|---|---|---|---|",
            *goals,
            "",
        ]
    )


def _prepared(place: Place, partitions: int) -> dict[str, Any]:
    """A secured instance with a topic; the settings of its user's client."""
    with tempfile.NamedTemporaryFile("w", prefix="kafka-fleet-bench-") as password:
        password.write(PASSWORD + "\n")
        password.flush()
        given = f"first_user_password=@{password.name}"
        place.fleet("run", "create-instance", f"name={NAME}", "sasl_ssl=true",
                    f"first_user={USER}", given)  # fmt: skip
    doors = open_doors(place.settings, lambda line: None)
    row = doors.records.find(NAME)
    assert row is not None
    instance = remembered(doors, row)
    turns = [(1, 2, 3), (2, 3, 1), (3, 1, 2)]
    assignment = {number: turns[number % 3] for number in range(partitions)}
    doors.kafka.create_topic(instance, NewTopic(TOPIC, assignment, {"min.insync.replicas": "2"}))
    doors.kafka.grant(instance, TOPIC, OPEN_TOPIC)
    bundle = Path(place.settings.home) / "bench-bundle"
    place.fleet("bundle", NAME, "-o", str(bundle))
    return {
        "bootstrap.servers": json.loads(place.fleet("show", NAME, "--json"))["bootstrap"][
            "private"
        ],
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(bundle / "phy_ca.crt"),
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
        "retry.backoff.ms": 20,
        "retry.backoff.max.ms": 200,
        "topic.metadata.refresh.fast.interval.ms": 20,
    }


def _measured(place: Place, settings: dict[str, Any], arm: Arm, name: str) -> Roll:
    print(f"{name}: a roll begins", file=sys.stderr, flush=True)
    with measuring(place.lab.client("lan").netns, settings, TOPIC) as meter:
        turns = arm(place, NAME)
    end = meter.end
    restarts = tuple(
        Restart(
            meter.worst("write", turn.began, turn.ended),
            meter.worst("read", turn.began, turn.ended),
            turn.ended - turn.began,
        )
        for turn in turns
    )
    took = max(turn.ended for turn in turns) - min(turn.began for turn in turns)
    return Roll(restarts, took, end["sent"], len(end["errors"]), end["lost"], end["duplicated"])


def _row(name: str, rolls: Sequence[Roll]) -> str:
    turns = [restart for roll in rolls for restart in roll.restarts]
    writes, reads = [each.write_gap for each in turns], [each.read_gap for each in turns]
    sums = [sum(getattr(roll, field) for roll in rolls)
            for field in ("sent", "failed", "lost", "duplicated")]  # fmt: skip
    return (
        f"| {name} | {len(rolls)} | {median(writes):.2f}, {max(writes):.2f} | "
        f"{median(reads):.2f}, {max(reads):.2f} | {median(each.took for each in turns):.0f} | "
        f"{median(roll.took for roll in rolls):.0f} | {' | '.join(str(each) for each in sums)} |"
    )


def _goals(arms: dict[str, tuple[Roll, ...]]) -> tuple[Goal, ...]:
    ours = arms["ours"]
    if not ours:
        return ()
    gaps = [restart.write_gap for roll in ours for restart in roll.restarts]
    return (
        Goal("write gap, median", median(gaps), 0.6, "s"),
        Goal("write gap, worst", max(gaps), 1.0, "s"),
        Goal("a roll of three brokers, worst", max(roll.took for roll in ours), 60, "s"),
        Goal("failed sends", sum(roll.failed for roll in ours), 0, "messages"),
        Goal("lost messages", sum(roll.lost for roll in ours), 0, "messages"),
    )


def _write(result: Result, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    stem = directory / f"rolling-{result.partitions}-{result.date}"
    stem.with_suffix(".md").write_text(markdown(result))
    stem.with_suffix(".json").write_text(json.dumps(asdict(result), indent=1) + "\n")
    print(f"written: {stem}.md, {stem}.json", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fleet bench rolling", description=__doc__)
    parser.add_argument("--rolls", type=int, default=10, help="rolls of the product")
    parser.add_argument("--plain", type=int, default=3, help="rolls by hand")
    parser.add_argument("--partitions", type=int, default=24, help="partitions of the topic")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
