"""Other addresses on port 9011 under load: told live, beside a roll that carries the same change.

`fleet bench rewire [--times N] [--rolls N] [--results DIR]`, as root. It brings up a lab, a control
plane and a secured instance of its own and leaves nothing of them. One client, not the product,
measures everything in the same run: it comes by 9011 itself, from a network that reaches endpoints
and EIPs alike, writes with acks=all and reads. The roll is the product's own, which is the kindest
way to make brokers start with other addresses. A goal that is not met is printed as such.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.creating.machine import Machine, describe
from benchmarks.creating.phases import BETWEEN, OPENING
from benchmarks.creating.product import Conducted, conduct
from benchmarks.creating.report import Goal
from benchmarks.creating.spans import Span, with_gaps
from benchmarks.creating.surroundings import Place, blank_place, control_plane
from benchmarks.restarting.arms import opened, our_roll
from benchmarks.restarting.pages import ended, goal_table, keep, machine_words
from benchmarks.restarting.turns import (
    SHORTEST_GAP,
    Ground,
    Turn,
    Work,
    calm,
    measured,
    seconds_of_newest,
    sums,
)
from benchmarks.rolling import NAME, RESULTS, TOPIC, prepared
from flows.adapters.gateways.ssh import LAB_GATEWAY
from flows.domain.dnat import Translation
from flows.domain.errors import EffectFailed

PARTITIONS, BROKERS = 24, 3
LONG = "3600"
"""The old way is kept until the end of the benchmark (s): to drop it is another operation."""
CALM, ENDPOINTS, DNAT, BACK, ROLL = (
    "nothing happens",
    "other endpoints",
    "endpoints to DNAT",
    "DNAT to endpoints",
    "a roll with other endpoints",
)
LIVE = (ENDPOINTS, DNAT, BACK)
ANY_NAME = {"ssl.endpoint.identification.algorithm": "none"}
"""A roll drops names from certificates that no wish has, as those that only this one tells."""
PROOF = "ask every new address"


@dataclass(frozen=True)
class Ways:
    """Addresses on 9011 that lead to the brokers, in their order."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    eips: tuple[str, ...]


@dataclass(frozen=True)
class Rewired:
    """One change: `turn.took` is from the flow's start until it was proved (s)."""

    turn: Turn
    from_request: float
    steps: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Result:
    """All that was measured: arm -> its changes."""

    date: str
    machine: Machine
    arms: dict[str, tuple[Rewired, ...]]
    goals: tuple[Goal, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Everything was measured, printed and written (0), or one sentence says why not (1)."""
    wish = _parser().parse_args(arguments)

    def benchmark() -> None:
        result = measure(wish.times, wish.rolls)
        keep(result, markdown(result), wish.results / f"rewire-{result.date}")

    return ended(benchmark)


def measure(times: int, rolls: int) -> Result:
    """Each change on one instance, one after the other, so many times."""
    machine, found = describe(), dict[str, list[Rewired]]()
    with blank_place() as place, control_plane(place):
        settings, ways = prepared(place, PARTITIONS), _ways(place)
        _ask(place, "set-endpoints", addresses=",".join(ways.first))
        client = {**settings, "bootstrap.servers": _servers(ways.first, ways.second, ways.eips)}
        ground = Ground(place, NAME, TOPIC, network="vpc")
        for name in [CALM, *LIVE] * times + [ROLL] * rolls:
            print(f"{name}: begins", file=sys.stderr, flush=True)
            found.setdefault(name, []).append(_change(ground, client, ways, name))
    arms = {name: tuple(changes) for name, changes in found.items()}
    return Result(datetime.now(UTC).strftime("%Y-%m-%d"), machine, arms, _goals(arms))


def markdown(result: Result) -> str:
    """The result for people."""
    return "\n".join(
        [
            f"# Other addresses on 9011 for {BROKERS} brokers under load ({result.date})",
            "",
            f"{machine_words(result.machine)} SASL_SSL, {PARTITIONS} partitions, three replicas, "
            "two in sync, acks=all, a client that comes by 9011.",
            "",
            "| what | times | flow's start to proved: median, worst (s) | request to proved (s) | "
            "write gap: median, worst (s) | restarts | sent | failed | lost |",
            "|---|---:|---|---:|---|---:|---:|---:|---:|",
            *(_row(name, changes) for name, changes in result.arms.items()),
            "",
            "Proved: at each new address a client in the clients' network was answered by the "
            "right broker and told the new addresses. A roll is timed from holding the instance to "
            "its end. A write gap is the longest time without an acknowledgement of a partition; "
            f"the client keeps none below {SHORTEST_GAP} s.",
            "",
            f"| step until proved | {' | '.join(LIVE)} |",
            "|---|---:|---:|---:|",
            *_step_rows(result.arms),
            "",
            "Medians in seconds, of all brokers together.",
            "",
            *goal_table(result.goals),
            "",
        ]
    )


def _ways(place: Place) -> Ways:
    """Two endpoint addresses lead to each broker; each gets an EIP of the gateway, too.

    The gateway runs by then, as everybody's own does; the lab's is made when it is first needed.
    """
    doors, instance = opened(place, NAME)
    doors.gateways("lab").look(LAB_GATEWAY, Translation(instance.id, ()))
    plan = place.lab.plan
    machines = [broker.machine.name for broker in instance.brokers if broker.machine]
    found = []
    for begin in (11, 21):
        addresses = [plan.endpoints[begin + number] for number in range(len(machines))]
        for address, machine in zip(addresses, machines, strict=True):
            place.lab.assign_endpoint(address, machine)
        found.append(tuple(map(str, addresses)))
    eips = tuple(str(plan.eips[101 + number]) for number in range(len(machines)))
    return Ways(found[0], found[1], eips)


def _servers(*ways: Sequence[str]) -> str:
    return ",".join(f"{address}:9011" for addresses in ways for address in addresses)


def _change(ground: Ground, client: Mapping[str, Any], ways: Ways, name: str) -> Rewired:
    if name == CALM:
        turn = measured(ground, client, calm)
        return Rewired(turn, turn.took)
    if name == ROLL:
        turn = measured(ground, {**client, **ANY_NAME}, _rolling(ground, ways))
        _ask(ground.place, "converge-access")
        return Rewired(turn, turn.took)
    runs: list[Conducted] = []
    turn = measured(ground, client, _rewiring(ground, ways, name, runs))
    (run,) = runs
    until = _proved(run)
    steps = [step for step in run.steps if step.ended <= until]
    spans = with_gaps(run.start[-1].ended, steps, OPENING, BETWEEN)
    return Rewired(turn, until - run.asked, tuple(spans))


def _rewiring(ground: Ground, ways: Ways, name: str, runs: list[Conducted]) -> Work:
    operation, wish = {
        ENDPOINTS: ("set-endpoints", {"addresses": ",".join(ways.second)}),
        DNAT: ("set-dnat", {"eips": ",".join(ways.eips)}),
        BACK: ("set-endpoints", {"addresses": ",".join(ways.first)}),
    }[name]

    def work() -> float:
        run = _ask(ground.place, operation, **wish, keep_old=LONG)
        runs.append(run)
        return _proved(run) - run.start[-1].ended

    return work


def _rolling(ground: Ground, ways: Ways) -> Work:
    """Brokers start one after the other with other addresses than those that they tell now."""

    def work() -> float:
        doors, instance = opened(ground.place, ground.instance)
        told = doors.zookeeper.state(instance).told
        for broker, address in zip(instance.brokers, ways.second, strict=True):
            wished = {**told[broker.id], "CROSS": f"{address}:9011"}
            value = ",".join(f"{listener}://{where}" for listener, where in wished.items())
            path = f"/config/brokers/{broker.id}"  # not announced: a broker reads it at its start
            doors.zookeeper.merge_config(instance, path, {"advertised.listeners": value})
        our_roll(ground.place, ground.instance)
        _check_told(ground, ways.second)
        return seconds_of_newest(ground)

    return work


def _check_told(ground: Ground, addresses: Sequence[str]) -> None:
    doors, instance = opened(ground.place, ground.instance)
    told = doors.zookeeper.state(instance).told
    for broker, address in zip(instance.brokers, addresses, strict=True):
        if told[broker.id]["CROSS"] != f"{address}:9011":
            raise EffectFailed(f"broker {broker.id} tells {told[broker.id]} after the roll")


def _ask(place: Place, operation: str, **wish: str) -> Conducted:
    return conduct(place, operation, {"instance": NAME, **wish})


def _proved(run: Conducted) -> float:
    """When the last proof ended."""
    return max(step.ended for step in run.steps if step.name.startswith(PROOF))


def _row(name: str, changes: Sequence[Rewired]) -> str:
    took = [each.turn.took for each in changes]
    gaps = [each.turn.write_gap for each in changes]
    lasted = "" if name == CALM else f"{median(took):.1f}, {max(took):.1f}"
    asked = f"{median(each.from_request for each in changes):.1f}" if name in LIVE else ""
    return (
        f"| {name} | {len(changes)} | {lasted} | {asked} | {median(gaps):.2f}, {max(gaps):.2f} | "
        f"{sums(each.turn for each in changes)} |"
    )


def _step_rows(arms: Mapping[str, Sequence[Rewired]]) -> Iterable[str]:
    """What each kind of step took until the proof, in the order in which steps began."""
    spent = {name: [_seconds_by_kind(each.steps) for each in arms[name]] for name in LIVE}
    kinds = dict.fromkeys(kind for name in LIVE for each in spent[name] for kind in each)
    for kind in kinds:
        cells = (median(each.get(kind, 0.0) for each in spent[name]) for name in LIVE)
        yield f"| {kind} | {' | '.join(f'{cell:.2f}' for cell in cells)} |"


def _seconds_by_kind(steps: Sequence[Span]) -> dict[str, float]:
    found = dict[str, float]()
    for step in steps:
        kind = _kind(step.name)
        found[kind] = found.get(kind, 0.0) + step.seconds
    return found


def _kind(title: str) -> str:
    """The title without the broker and the addresses that it speaks of."""
    words = re.sub(r"^broker \d+: |^gateway \S+: | from the network .*", "", title)
    return re.sub(r" \S+:\d+$", " the new address", words)


def _goals(arms: Mapping[str, Sequence[Rewired]]) -> tuple[Goal, ...]:
    normal = max(each.turn.write_gap for each in arms[CALM])
    live = [each.turn for name in LIVE for each in arms[name]]
    worst = max(turn.took for turn in live)
    return (
        Goal(f"{BROKERS} brokers, flow's start to proved, worst", worst, 5.0, "s"),
        Goal("write gap, worst of all", max(turn.write_gap for turn in live), 1.5 * normal, "s"),
        Goal("restarts of brokers", sum(turn.restarts for turn in live), 0, "brokers"),
        Goal("failed sends", sum(turn.failed for turn in live), 0, "messages"),
        Goal("lost messages", sum(turn.lost for turn in live), 0, "messages"),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fleet bench rewire", description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="changes of each kind, 1 or more")
    parser.add_argument("--rolls", type=int, default=1, help="rolls beside them; 0: none")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
