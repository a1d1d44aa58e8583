"""The same instance on own hosts: machines of the lab that the product knows only by a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.creating.product import Conducted, conduct
from benchmarks.creating.spans import Span, costs_of
from benchmarks.creating.surroundings import Place
from tests.acceptance.foreign import NOMINAL_MB, make_foreign

WISH = {
    "name": "bench-hosts",
    "provider": "hosts",
    "availability_zones": "3",
    "sasl_ssl": "true",
    "first_user": "bench",
}
GOODBYE = {"instance": "bench-hosts", "confirm": "bench-hosts"}


@dataclass(frozen=True)
class Beside:
    """Medians in seconds of one thing, on the lab's machines and on own hosts."""

    title: str
    lab: float
    hosts: float


@contextmanager
def own_hosts(place: Place) -> Iterator[None]:
    """The control plane of the place knows three machines that it has not made."""
    settings = place.settings.home / "settings.toml"
    before = settings.read_text()
    with TemporaryDirectory(prefix="kafka-fleet-own-") as directory:
        foreign = make_foreign(place.lab, Path(directory), [NOMINAL_MB] * 3)
        others = [line for line in before.splitlines() if not line.startswith("hosts =")]
        settings.write_text("\n".join([*others, f'hosts = "{foreign.listed}"', ""]))
        try:
            yield
        finally:
            settings.write_text(before)
            for machine in foreign.machines:
                place.lab.remove(machine.name)


def created_and_deleted(place: Place) -> tuple[Conducted, Conducted]:
    """One creation and its deletion on own hosts."""
    return conduct(place, "create-instance", WISH), conduct(place, "delete-instance", GOODBYE)


def side_by_side(
    lab: Sequence[tuple[Conducted, Conducted]], hosts: Sequence[tuple[Conducted, Conducted]]
) -> tuple[Beside, ...]:
    """Creation until the first ack, deletion, and every step of both."""
    here, there = [_seconds(lab, 0), _seconds(lab, 1)], [_seconds(hosts, 0), _seconds(hosts, 1)]
    wholes = [
        Beside("request to the first ack", sum(here[0].values()), sum(there[0].values())),
        Beside("deletion, request to end", sum(here[1].values()), sum(there[1].values())),
    ]
    steps = [
        Beside(f"{verb}: {name}", mine.get(name, 0.0), theirs.get(name, 0.0))
        for verb, mine, theirs in zip(("create", "delete"), here, there, strict=True)
        for name in dict.fromkeys([*mine, *theirs])
    ]
    return (*wholes, *steps)


def _seconds(runs: Sequence[tuple[Conducted, Conducted]], which: int) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for pair in runs:
        for name, each in costs_of(_spans(pair, which), []).items():
            found.setdefault(name, []).append(each.seconds)
    return {name: median(seconds) for name, seconds in found.items()}


def _spans(pair: tuple[Conducted, Conducted], which: int) -> Sequence[Span]:
    return pair[0].until_proof if which == 0 else pair[1].whole
