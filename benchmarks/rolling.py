"""Rolling over three brokers under load: what clients feel, the product beside two others.

`fleet bench rolling [--rolls N] [--plain N] [--kafka-utils N] [--partitions N] [--onto FILE]`, as
root. The others are restarts by hand and Yelp's kafka-utils, about 7 minutes a roll; an arm with 0
rolls is left out. It brings up a lab, a control plane and a secured instance of its own and leaves
nothing of them. One client, not the product, measures all arms in the same run: it writes with
acks=all and reads a topic with three replicas, two of them in sync. A goal that is not met is
printed as such.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import TypeAdapter

from benchmarks.creating.machine import Machine, describe
from benchmarks.creating.report import Goal
from benchmarks.creating.spans import Span
from benchmarks.creating.surroundings import Place, blank_place, control_plane
from benchmarks.restarting.arms import Course, lead_as_preferred, our_roll, plain_roll
from benchmarks.restarting.blame import SHORTEST_SECONDS, Wait, rows_of, table, waits_of
from benchmarks.restarting.meter import measuring
from benchmarks.restarting.pages import ended, goal_table, keep, machine_words
from benchmarks.restarting.yelp.arm import kafka_utils_roll
from flows.domain.cluster import NewTopic
from flows.domain.permissions import OPEN_TOPIC
from flows.doors.schedules import pause_schedules
from flows.doors.wiring import open_doors
from flows.settings import CHECKOUT
from flows.steps.observation import remembered

OFTEN_AT_MOST, SELDOM_PER_SECOND = 60, 100.0
"""Partitions that all get messages all the time, and messages per second where there are more."""
WORST_SECONDS = {True: 1.0, False: 1.5}
"""Whether all partitions are written to all the time -> the longest wait that is promised."""
NAME, TOPIC, USER, PASSWORD = "bench", "rolled", "bench", "Sturdy-Words-42"
OURS, BY_HAND, KAFKA_UTILS = "ours", "by hand", "kafka-utils"
RESULTS = CHECKOUT / "benchmarks" / "results"
Arm = Callable[[Place, str], Course]
ARMS: dict[str, Arm] = {OURS: our_roll, BY_HAND: plain_roll, KAFKA_UTILS: kafka_utils_roll}


@dataclass(frozen=True)
class Restart:
    """What the client felt of one broker's turn; seconds."""

    write_gap: float
    read_gap: float
    took: float


@dataclass(frozen=True)
class Roll:
    """All turns of one roll, and what became of the client's messages in it.

    `waits` are the client's long waits for an acknowledgement, and where each of them fell.
    """

    restarts: tuple[Restart, ...]
    took: float
    sent: int
    failed: int
    lost: int
    duplicated: int
    steps: tuple[Span, ...] = ()
    waits: tuple[Wait, ...] = ()


@dataclass(frozen=True)
class Result:
    """All that was measured: arm -> its rolls."""

    date: str
    machine: Machine
    partitions: int
    arms: dict[str, tuple[Roll, ...]]
    goals: tuple[Goal, ...]
    portions: int = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Everything was measured, printed and written (0), or one sentence says why not (1)."""
    wish = _parser().parse_args(arguments)
    rolls = {OURS: wish.rolls, BY_HAND: wish.plain, KAFKA_UTILS: wish.kafka_utils}

    def benchmark() -> None:
        result = with_earlier(wish.onto, measure(wish.partitions, rolls))
        stem = f"rolling-{result.partitions}-{result.date}"
        keep(result, markdown(result), wish.results / stem)

    return ended(benchmark)


def measure(partitions: int, rolls: dict[str, int]) -> Result:
    """Each arm, so many rolls of it, on one instance."""
    machine, found = describe(), dict[str, list[Roll]]()
    with blank_place() as place, control_plane(place):
        settings = prepared(place, partitions)
        for name in in_turns(rolls):
            lead_as_preferred(place, NAME)
            found.setdefault(name, []).append(_measured(place, settings, partitions, name))
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    arms = {name: tuple(found.get(name, ())) for name in rolls}
    return Result(now, machine, partitions, arms, goals(partitions, arms))


def in_turns(rolls: Mapping[str, int]) -> list[str]:
    """So many of each, spread over the whole: a machine that slows down slows all arms."""
    places = [
        ((number + 0.5) / count, name) for name, count in rolls.items() for number in range(count)
    ]
    return [name for _, name in sorted(places)]


def with_earlier(file: Path | None, now: Result) -> Result:
    """The rolls of an earlier result count too: one machine is seldom quiet for long enough."""
    if file is None:
        return now
    before: Result = TypeAdapter(Result).validate_json(file.read_text())
    arms = {name: (*before.arms.get(name, ()), *rolls) for name, rolls in now.arms.items()}
    busier = max(before.machine, now.machine, key=lambda machine: machine.load[0])
    return Result(
        now.date, busier, now.partitions, arms, goals(now.partitions, arms), before.portions + 1
    )


def markdown(result: Result) -> str:
    """The result for people."""
    portions = f", in {result.portions} portions" if result.portions > 1 else ""
    rows = [_row(name, rolls) for name, rolls in result.arms.items() if rolls]
    return "\n".join(
        [
            f"# Rolling over three brokers, {result.partitions} partitions ({result.date})",
            "",
            f"{machine_words(result.machine)} SASL_SSL, three replicas, two in sync, acks=all, a "
            f"client{portions}.",
            "",
            "| arm | rolls | write gap: median, worst (s) | read gap: median, worst (s) | "
            "a broker (s) | a roll (s) | sent | failed | lost | duplicated |",
            "|---|---:|---|---|---:|---:|---:|---:|---:|---:|",
            *rows,
            "",
            _what_a_gap_is(result.partitions),
            "By hand: `systemctl restart kafka`, a wait until nothing is under-replicated, 5 s; "
            "nobody moves leaders back in its rolls. kafka-utils 4.1.0: `kafka-rolling-restart` "
            "with its defaults, given the login of ZooKeeper and a Jolokia within its reach; a "
            "broker's turn ends when the next one is stopped. The arms take turns, and each roll "
            "begins with every partition led by its first replica.",
            "",
            *goal_table(result.goals),
            "",
            *(line for name in (OURS, BY_HAND) for line in _blame(name, result.arms[name])),
        ]
    )


def _what_a_gap_is(partitions: int) -> str:
    if often(partitions):
        return (
            "A gap is the longest time without an acknowledgement (a message read) of a partition "
            "in a broker's turn."
        )
    return (
        f"{SELDOM_PER_SECOND:.0f} messages per second go to the partitions in turn, so each gets "
        "one seldom: a write gap is the longest time from sending a message to its acknowledgement "
        "in a broker's turn, and a read gap says nothing."
    )


def prepared(place: Place, partitions: int) -> dict[str, Any]:
    """A secured instance with a topic; the settings of its user's client. Schedules rest."""
    pause_schedules(place.settings)
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


def often(partitions: int) -> bool:
    """Whether two cores carry a client that writes to all of them all the time."""
    return partitions <= OFTEN_AT_MOST


def _measured(place: Place, settings: dict[str, Any], partitions: int, name: str) -> Roll:
    print(f"{name}: a roll begins", file=sys.stderr, flush=True)
    seldom = None if often(partitions) else SELDOM_PER_SECOND
    with measuring(place.lab.client("lan").netns, settings, TOPIC, seldom) as meter:
        course = ARMS[name](place, NAME)
    turns, end = course.turns, meter.end
    restarts = tuple(
        Restart(
            meter.worst("write", turn.began, turn.ended),
            meter.worst("read", turn.began, turn.ended),
            turn.ended - turn.began,
        )
        for turn in turns
    )
    took = max(turn.ended for turn in turns) - min(turn.began for turn in turns)
    waits = waits_of([(gap[2], gap[3]) for gap in end["gaps"] if gap[0] == "write"], course.steps)
    counted = end["sent"], len(end["errors"]), end["lost"], end["duplicated"]
    return Roll(restarts, took, *counted, course.steps, waits)


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


def _blame(name: str, rolls: Sequence[Roll]) -> list[str]:
    """Steps beside waits: what is there to be improved."""
    if not rolls:
        return []
    words = (
        f"Waits for an acknowledgement of {SHORTEST_SECONDS:g} s or more, each counted for the "
        "step in which most of it fell; partitions that were silent together are one wait."
    )
    rows = rows_of((roll.steps, roll.waits) for roll in rolls)
    return [f"## Where clients waited: {name}", "", words, "", *table(rows), ""]


def goals(partitions: int, arms: dict[str, tuple[Roll, ...]]) -> tuple[Goal, ...]:
    """What is promised, beside what was measured."""
    ours = arms[OURS]
    if not ours:
        return ()
    gaps = _write_gaps(ours)
    return (
        *([Goal("write gap, median", median(gaps), 0.6, "s")] if often(partitions) else []),
        Goal("write gap, worst", max(gaps), WORST_SECONDS[often(partitions)], "s"),
        Goal("a roll of three brokers, worst", max(roll.took for roll in ours), 60, "s"),
        Goal("failed sends", sum(roll.failed for roll in ours), 0, "messages"),
        Goal("lost messages", sum(roll.lost for roll in ours), 0, "messages"),
        *(goal for name in (BY_HAND, KAFKA_UTILS) if arms[name]
          for goal in _better(ours, arms[name], name)),
    )  # fmt: skip


def _better(ours: Sequence[Roll], others: Sequence[Roll], name: str) -> tuple[Goal, ...]:
    """The promises to be kinder, and quicker, than somebody else."""
    mine, theirs = _write_gaps(ours), _write_gaps(others)
    lasts, lasted = ([roll.took for roll in rolls] for rolls in (ours, others))
    return (
        Goal(f"write gap, median, beside {name}", median(mine), median(theirs), "s"),
        Goal(f"write gap, worst, beside {name}", max(mine), max(theirs), "s"),
        Goal(f"a roll, median, beside {name}", median(lasts), median(lasted), "s"),
    )


def _write_gaps(rolls: Sequence[Roll]) -> list[float]:
    return [restart.write_gap for roll in rolls for restart in roll.restarts]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fleet bench rolling", description=__doc__)
    parser.add_argument("--rolls", type=int, default=10, help="rolls of the product; 0: none")
    parser.add_argument("--plain", type=int, default=3, help="rolls by hand; 0: none")
    parser.add_argument("--kafka-utils", type=int, default=2, help="rolls by kafka-utils; 0: none")
    parser.add_argument("--partitions", type=int, default=24, help="partitions of the topic")
    parser.add_argument("--onto", type=Path, help="an earlier result (.json) that counts too")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
