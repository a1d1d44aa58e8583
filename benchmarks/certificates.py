"""Replacing certificates under load: live, beside replacements that take a roll over the brokers.

`fleet bench certificates [--times N] [--rolls N] [--results DIR]`, as root. It brings up a lab, a
control plane and a secured instance of its own and leaves nothing of them. One client, not the
product, measures everything in the same run: it writes with acks=all and reads a topic with three
replicas, two of them in sync. A roll replaces them too: by a user's certificate of another subject,
which brokers take only at their start, so that each one's stores are swapped while it is down. It
is the product's own roll, the kindest there is to clients. A goal that is not met is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.creating.machine import Machine, describe
from benchmarks.creating.report import Goal
from benchmarks.creating.surroundings import blank_place, control_plane
from benchmarks.restarting.arms import opened
from benchmarks.restarting.pages import ended, goal_table, keep, machine_words
from benchmarks.restarting.replacing import end_overlap, own_authority, rolling_replacement
from benchmarks.restarting.turns import (
    SHORTEST_GAP,
    Ground,
    Turn,
    Work,
    asking,
    calm,
    measured,
    seconds_of_newest,
    sums,
)
from benchmarks.rolling import NAME, RESULTS, TOPIC, prepared
from certs.authority import Authority, new_authority
from certs.leaf import LeafRequest, issue
from certs.stores import broker_keystore

PARTITIONS, ISSUED = 24, 1000
CALM, LEAF, AUTHORITY, DROP, ROLL = (
    "nothing happens",
    "replace: same authority",
    "replace: new authority, crossed",
    "drop the old authority",
    "replace: another subject, rolling",
)


@dataclass(frozen=True)
class Result:
    """All that was measured: arm -> its turns; seconds for 1,000 certificates with stores."""

    date: str
    machine: Machine
    arms: dict[str, tuple[Turn, ...]]
    issuing: float
    brokers: int
    goals: tuple[Goal, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Everything was measured, printed and written (0), or one sentence says why not (1)."""
    wish = _parser().parse_args(arguments)

    def benchmark() -> None:
        result = measure(wish.times, wish.rolls)
        keep(result, markdown(result), wish.results / f"certificates-{result.date}")

    return ended(benchmark)


def measure(times: int, rolls: int) -> Result:
    """Each arm on one instance, one after the other, and certificates issued on one core."""
    machine, issuing = describe(), seconds_to_issue(ISSUED)
    found: dict[str, list[Turn]] = {}
    with blank_place() as place, control_plane(place):
        settings, ground = prepared(place, PARTITIONS), Ground(place, NAME, TOPIC)
        for name, work in _turns(ground, times, rolls):
            print(f"{name}: begins", file=sys.stderr, flush=True)
            found.setdefault(name, []).append(_measured(ground, settings, work))
        _, instance = opened(place, NAME)
    arms = {name: tuple(turns) for name, turns in found.items()}
    now, brokers = datetime.now(UTC).strftime("%Y-%m-%d"), len(instance.brokers)
    return Result(now, machine, arms, issuing, brokers, _goals(arms, issuing, brokers))


def seconds_to_issue(count: int) -> float:
    """So many broker certificates with their stores, on one core of this process."""
    now = datetime.now(UTC)
    authority = new_authority("clients", "bench", 1, now)
    before, cores = time.process_time(), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        for number in range(count):
            request = LeafRequest(
                common_name="broker",
                organization="bench",
                ip_addresses=(f"10.0.{number // 250}.{number % 250 + 1}",),
                dns_names=(),
                server=True,
                client=False,
            )
            broker_keystore(issue(authority, request, now, 365), "a" * 40)
    finally:
        os.sched_setaffinity(0, cores)
    return time.process_time() - before


def markdown(result: Result) -> str:
    """The result for people."""
    return "\n".join(
        [
            f"# Replacing certificates of {result.brokers} brokers under load ({result.date})",
            "",
            f"{machine_words(result.machine)} SASL_SSL, {PARTITIONS} partitions, three "
            "replicas, two in sync, acks=all, a client.",
            "",
            "| what | times | a broker: median, worst (s) | write gap: median, worst (s) | "
            "restarts | sent | failed | lost |",
            "|---|---:|---|---|---:|---:|---:|---:|",
            *(_row(name, turns, result.brokers) for name, turns in result.arms.items()),
            "",
            "A broker's time is the operation's, from holding the instance to its end, divided by "
            "the brokers. A write gap is the longest time without an acknowledgement of a "
            f"partition; the client keeps none below {SHORTEST_GAP} s.",
            "",
            *goal_table(result.goals),
            "",
        ]
    )


def _turns(ground: Ground, times: int, rolls: int) -> Iterator[tuple[str, Work]]:
    """What is measured, in turn; whatever one of them leaves open is ended before the next."""
    each = [
        (CALM, calm),
        (LEAF, asking(ground, "replace-certificates")),
        (AUTHORITY, asking(ground, "replace-certificates", scope="authority")),
        (DROP, asking(ground, "finish-certificate-overlap", before_its_date="true")),
    ]
    yield from each * times
    authority = own_authority()
    for number in range(rolls):
        yield ROLL, _rolling(ground, authority, number)
        end_overlap(ground.place, NAME)


def _rolling(ground: Ground, authority: Authority, number: int) -> Work:
    replace = rolling_replacement(ground.place, NAME, authority, number)

    def work() -> float:
        replace()
        return seconds_of_newest(ground)

    return work


def _measured(ground: Ground, settings: Mapping[str, Any], work: Work) -> Turn:
    # Anew for each: after a drop only the newest authority is served.
    bundle = Path(ground.place.settings.home) / f"bundle-{time.monotonic_ns()}"
    ground.place.fleet("bundle", NAME, "-o", str(bundle))
    return measured(ground, {**settings, "ssl.ca.location": str(bundle / "phy_ca.crt")}, work)


def _row(name: str, turns: Sequence[Turn], brokers: int) -> str:
    took, gaps = [each.took / brokers for each in turns], [each.write_gap for each in turns]
    lasted = "" if name == CALM else f"{median(took):.1f}, {max(took):.1f}"
    return (
        f"| {name} | {len(turns)} | {lasted} | {median(gaps):.2f}, {max(gaps):.2f} | "
        f"{sums(turns)} |"
    )


def _goals(arms: Mapping[str, Sequence[Turn]], issuing: float, brokers: int) -> tuple[Goal, ...]:
    normal = max(turn.write_gap for turn in arms[CALM])
    live = [turn for name in (LEAF, AUTHORITY, DROP) for turn in arms[name]]
    per_broker = median(turn.took / brokers for turn in arms[LEAF])
    return (
        Goal("a live replacement, a broker, median", per_broker, 3.0, "s"),
        Goal("write gap, worst of all replacements", max(each.write_gap for each in live),
             1.5 * normal, "s"),
        Goal("restarts of brokers", sum(each.restarts for each in live), 0, "brokers"),
        Goal("failed sends", sum(each.failed for each in live), 0, "messages"),
        Goal("lost messages", sum(each.lost for each in live), 0, "messages"),
        Goal(f"issuing {ISSUED} certificates with stores, one core", issuing, 5.0, "s"),
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fleet bench certificates", description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="replacements of each kind, 1 or more")
    parser.add_argument("--rolls", type=int, default=1, help="rolling replacements; 0: none")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
