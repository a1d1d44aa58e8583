"""One thing that is done to a living instance, and what a client at work felt of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.creating.product import conduct
from benchmarks.creating.surroundings import Place
from benchmarks.restarting.arms import opened
from benchmarks.restarting.meter import measuring
from flows.domain.errors import EffectFailed

SHORTEST_GAP = 0.1
"""Gaps below this one the client does not keep (s)."""
CALM_SECONDS = 20.0
Work = Callable[[], float]
"""Does it, and answers how many seconds count."""


@dataclass(frozen=True)
class Turn:
    """What became of it: the seconds that count, and what the client felt."""

    took: float
    write_gap: float
    sent: int
    failed: int
    lost: int
    restarts: int


@dataclass(frozen=True)
class Ground:
    """Where it is measured: an instance, a topic of it, and the network of the client."""

    place: Place
    instance: str
    topic: str
    network: str = "lan"


def measured(ground: Ground, settings: Mapping[str, Any], work: Work) -> Turn:
    """The work is done while the client writes and reads."""
    before, namespace = processes(ground), ground.place.lab.plan.client_netns(ground.network)
    with measuring(namespace, settings, ground.topic) as meter:
        began = time.monotonic()
        took = work()
        ended = time.monotonic()
    restarts = sum(a != b for a, b in zip(before, processes(ground), strict=True))
    gap = max(meter.worst("write", began, ended), SHORTEST_GAP)
    end = meter.end
    return Turn(took, gap, end["sent"], len(end["errors"]), end["lost"], restarts)


def calm() -> float:
    """The client writes, and nothing else happens."""
    time.sleep(CALM_SECONDS)
    return CALM_SECONDS


def asking(ground: Ground, operation: str, **wish: str) -> Work:
    """An operation, asked for as `fleet run` does; its own time counts, without its start."""

    def work() -> float:
        conduct(ground.place, operation, {"instance": ground.instance, **wish})
        return seconds_of_newest(ground)

    return work


def seconds_of_newest(ground: Ground) -> float:
    """How long the newest operation took, from holding the instance to its end."""
    doors, _ = opened(ground.place, ground.instance)
    newest = doors.records.history(ground.instance)[0]
    if newest.finished is None:
        raise EffectFailed(f"{newest.operation} did not end")
    return (newest.finished - newest.started).total_seconds()


def processes(ground: Ground) -> list[float]:
    """When the process of each broker was started, as its systemd says."""
    doors, instance = opened(ground.place, ground.instance)
    hosts = doors.hosts(instance.id)
    states = [(broker.id, hosts.observe(broker.machine)) for broker in instance.brokers
              if broker.machine]  # fmt: skip
    return [_started(number, state.kafka_started if state else None) for number, state in states]


def sums(turns: Iterable[Turn]) -> str:
    """Restarts, and messages that were sent, failed and lost, as cells of a table."""
    every = list(turns)
    fields = ("restarts", "sent", "failed", "lost")
    return " | ".join(str(sum(getattr(turn, field) for turn in every)) for field in fields)


def _started(broker: int, moment: float | None) -> float:
    if moment is None:
        raise EffectFailed(f"broker {broker} does not run")
    return moment
