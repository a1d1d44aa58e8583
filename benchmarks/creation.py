"""Creating three brokers: seconds and CPU seconds of each phase, beside the floor by hand.

`fleet bench creation [--repeat N] [--hosts] [--results DIR]`, as root; with `--hosts` the same is
also measured on own hosts, in the same run: machines that the product has not made.
It brings up a lab and a control plane of its own and leaves nothing of them. The floor is measured
while no control plane runs, the product with a warm one: it has carried out a request before. A
goal that is not met is printed as such; the exit code tells only whether everything was measured.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.creating import floor, product
from benchmarks.creating.machine import Machine, describe
from benchmarks.creating.meter import Meter, own_seconds
from benchmarks.creating.own_hosts import created_and_deleted, own_hosts, side_by_side
from benchmarks.creating.phases import MACHINES, Costs, names, rows, total
from benchmarks.creating.product import Conducted, Memory
from benchmarks.creating.report import Goal, Result, Side, markdown, write
from benchmarks.creating.spans import costs_of, middle
from benchmarks.creating.surroundings import Place, beside, blank_place, control_plane
from flows.domain.errors import ServiceError
from flows.settings import CHECKOUT
from inventories.lab import LabError

WISH = {"name": "bench", "sasl_ssl": "true", "first_user": "bench"}
GOODBYE = {"instance": "bench", "confirm": "bench"}
LISTINGS = 7
RESULTS = CHECKOUT / "benchmarks" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Everything was measured, printed and written (0), or one sentence says why not (1)."""
    wish = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        result = measure(wish.repeat, with_hosts=wish.hosts)
    except (ServiceError, LabError) as error:
        print(error, file=sys.stderr)
        return 1
    print(markdown(result))
    for path in write(result, wish.results):
        _say(f"written: {path}")
    return 0


def measure(repeat: int, *, with_hosts: bool = False) -> Result:
    """The floor and the product, each so many times, in one lab; own hosts at the end."""
    machine = describe()
    with blank_place() as place:
        _say("lab: up; the floor begins")
        floors = _floors(beside(place), repeat)
        with control_plane(place):
            _say("control plane: up; a request that only plans warms it")
            product.conduct(place, "create-instance", {**WISH, "plan_only": "true"})
            ours = [_ours(place) for _ in range(repeat)]
            memory = product.memory_at_rest(place)
            hosts = _on_hosts(place, repeat) if with_hosts else []
    result = _result(machine, floors, ours, memory)
    pairs = [(each.created, each.deleted) for each in ours]
    return replace(result, beside=side_by_side(pairs, hosts) if hosts else ())


def _floors(place: Place, repeat: int) -> list[Costs]:
    floor.prepare(place.settings)
    found: list[Costs] = []
    for _ in range(repeat):
        with Meter(place.lab.status().slot, own_seconds).running() as meter:
            spans = floor.measure(place.settings, WISH)
        found.append(costs_of(spans, meter.samples))
        _say(f"floor: {total(found[-1]).seconds:.1f} s, the machines' boot included")
    return found


@dataclass(frozen=True)
class Ours:
    """One creation and its deletion by the product, and `fleet ls` in between."""

    costs: Costs
    created: Conducted
    listings: tuple[float, ...]
    deleted: Conducted


def _ours(place: Place) -> Ours:
    slot, control = place.lab.status().slot, partial(product.cpu_seconds, place)
    with Meter(slot, control).running() as meter:
        created = product.conduct(place, "create-instance", WISH)
    costs = costs_of(created.until_proof, meter.samples)
    _say(f"ours: {total(costs).seconds:.1f} s")
    listings = tuple(product.list_instances(place) for _ in range(LISTINGS))
    deleted = product.conduct(place, "delete-instance", GOODBYE)
    _say(f"deletion: {deleted.seconds:.1f} s")
    return Ours(costs, created, listings, deleted)


def _on_hosts(place: Place, repeat: int) -> list[tuple[Conducted, Conducted]]:
    found = []
    with own_hosts(place):
        for _ in range(repeat):
            found.append(created_and_deleted(place))
            _say(f"own hosts: {found[-1][0].seconds:.1f} s, deletion {found[-1][1].seconds:.1f} s")
    return found


def _result(
    machine: Machine, floors: Sequence[Costs], ours: Sequence[Ours], memory: Memory
) -> Result:
    costs = [each.costs for each in ours]
    return Result(
        date=datetime.now(UTC).date().isoformat(),
        repetitions=len(ours),
        machine=machine,
        rows=rows(floors, costs),
        floor=_side(floors),
        ours=_side(costs),
        said=tuple(each.created.said for each in ours),
        sweeps=tuple(each.created.sweeps for each in ours),
        deletion=_deletion([each.deleted for each in ours]),
        memory=memory,
        goals=_goals(ours, memory),
    )


def _side(costs: Sequence[Costs]) -> Side:
    machines = names(MACHINES)
    return Side(
        whole=middle([total(each) for each in costs]),
        without_machines=middle([total(each, without=machines) for each in costs]),
    )


def _deletion(runs: Sequence[Conducted]) -> tuple[tuple[str, float], ...]:
    """Medians of what a deletion consists of, in its order."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for name, each in costs_of(run.whole, []).items():
            found.setdefault(name, []).append(each.seconds)
    return tuple((name, median(seconds)) for name, seconds in found.items())


def _goals(ours: Sequence[Ours], memory: Memory) -> tuple[Goal, ...]:
    created = median(total(each.costs).seconds for each in ours)
    deleted = median(each.deleted.seconds for each in ours)
    listed = median(seconds for each in ours for seconds in each.listings)
    return (
        Goal("request to the first ack", created, 45, "s"),
        Goal("deletion, request to end", deleted, 10, "s"),
        Goal("`fleet ls`, the whole process", listed, 0.5, "s"),
        Goal("control plane at rest, resident", memory.rss, 450, "MB"),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fleet bench creation", description=__doc__)
    parser.add_argument("--repeat", type=_positive, default=1, metavar="N", help="take medians")
    parser.add_argument("--hosts", action="store_true", help="measure own hosts as well")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on is accepted")
    return int(text)


def _say(line: str) -> None:
    print(f"── {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
