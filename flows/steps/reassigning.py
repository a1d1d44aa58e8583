"""Partitions that move: begun, held back, waited for, led as they should be, and let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flows.adapters.site import Doors, Site
from flows.domain.cluster import ClusterState, Partition
from flows.domain.gates import absent_from
from flows.domain.instance import Instance
from flows.domain.reassignment import (
    Move,
    Throttle,
    copying,
    left_over,
    partition_sizes,
    progress,
    refill_throttle,
    stuck,
)
from flows.domain.versions import Through
from flows.steps.step import step
from flows.steps.waiting import Gate

STILL_SECONDS = 300.0
"""How long nothing may move before moves count as stuck."""
LOOK_SECONDS = 5.0
"""How often the disks are asked how far the moves are."""

Sizes = dict[tuple[str, int], int]


@step("look at the partitions and their sizes")
def look_at_partitions(site: Site, instance: Instance) -> tuple[ClusterState, Sizes]:
    """The cluster as ZooKeeper holds it, and the bytes of each partition."""
    return site.zookeeper.state(instance), partition_sizes(site.kafka.replicas(instance))


@step("hold replication back to {throttle.bytes_per_second} bytes/s")
def hold_back(site: Site, instance: Instance, throttle: Throttle) -> None:
    """The replicas that move copy no faster than this; all others are as fast as ever."""
    site.kafka.configure(instance, throttle.settings)


def hold_back_refill(site: Site, instance: Instance, broker: int, bytes_per_second: int) -> None:
    """What a broker with an empty disk will fetch is held back, before it starts."""
    partitions = site.zookeeper.state(instance).partitions
    hold_back(site, instance, refill_throttle(partitions, broker, bytes_per_second))


@step("move {moves}")
def begin_moves(site: Site, instance: Instance, moves: Moves) -> None:
    """Kafka was told where the partitions are to lie."""
    site.kafka.reassign(instance, {move.partition: move.after for move in moves.all})


@step("let replication go")
def let_go(site: Site, instance: Instance) -> None:
    """No throttle is left, whoever left it: unless something is still copied, for which it is."""
    release_throttles(site, instance, site.zookeeper.state(instance))


def release_throttles(doors: Site | Doors, instance: Instance, state: ClusterState) -> bool:
    """Throttles that are not needed any more are gone; True when there were any."""
    found = {} if state.reassigning or copying(state) else left_over(state)
    if found:
        doors.kafka.configure(
            instance, {entity: dict.fromkeys(keys) for entity, keys in found.items()}
        )
    return bool(found)


@step("elect the preferred leaders of {moves}")
def lead_as_wished(site: Site, instance: Instance, moves: Moves) -> None:
    """The first replica leads each partition that moved and still exists."""
    there = {(part.topic, part.number) for part in site.zookeeper.state(instance).partitions}
    due = [move.partition for move in moves.all if move.partition in there]
    site.kafka.elect_preferred(instance, due)


@step("cancel what still moves of {moves}")
def cancel_moves(site: Site, instance: Instance, moves: Moves) -> bool:
    """Kafka was told to keep the old replicas; False where its version cannot, and moves go on."""
    moving = frozenset(site.zookeeper.state(instance).reassigning)
    due = [move for move in moves.all if f"{move.topic}-{move.number}" in moving]
    release = instance.wish.release
    if due and release.reassignments is Through.ZOOKEEPER:
        site.stage.say(f"Kafka {release.release} cannot cancel {len(due)} moves; they go on")
        return False
    site.kafka.reassign(instance, dict.fromkeys(move.partition for move in due))
    return True


@dataclass(frozen=True)
class Moves:
    """The moves of one portion, with the sizes of their partitions before."""

    all: tuple[Move, ...]
    sizes: Sizes = field(default_factory=dict)

    def __str__(self) -> str:
        """How many there are, for titles."""
        count = len(self.all)
        return f"{count} partitions" if count != 1 else f"{self.all[0].topic}-{self.all[0].number}"


def moves_done(instance: Instance, moves: Moves) -> Gate:
    """Every new replica is in sync and every old one gone; waits as long as bytes arrive."""
    watch = _Watch(instance, moves)
    return Gate(
        f"{moves} moved",
        STILL_SECONDS,
        lambda site: stuck(moves.all, site.zookeeper.state(instance)),
        watch.place,
    )


def nothing_moves(instance: Instance) -> Gate:
    """No reassignment runs, whoever began it; waits as long as one partition after another ends."""

    def reason(site: Site) -> str | None:
        moving = site.zookeeper.state(instance).reassigning
        return f"still moving: {', '.join(moving[:5])}" if moving else None

    return Gate(
        "what an earlier run began to move has arrived",
        STILL_SECONDS,
        reason,
        lambda site: (site.zookeeper.state(instance).reassigning, site.kafka.replicas(instance)),
    )


def refilled(instance: Instance, broker: int) -> Gate:
    """The broker has all its replicas again, in sync."""

    def missing(site: Site) -> Sequence[Partition]:
        return absent_from(broker, site.zookeeper.state(instance))

    def reason(site: Site) -> str | None:
        absent = missing(site)
        names = ", ".join(part.name for part in absent[:5])
        return f"broker {broker} still copies {len(absent)} partitions: {names}" if absent else None

    return Gate(
        f"broker {broker} has its replicas again",
        STILL_SECONDS,
        reason,
        lambda site: (missing(site), site.kafka.replicas(instance)),
    )


class _Watch:
    """How far some moves are: asks ZooKeeper each time, the disks only now and then."""

    def __init__(self, instance: Instance, moves: Moves) -> None:
        self._instance = instance
        self._moves = moves
        self._began: float | None = None
        self._looked = float("-inf")
        self._copied = 0

    def place(self, site: Site) -> object:
        """Something that changes as long as anything moves."""
        now = site.clock.monotonic()
        self._began = now if self._began is None else self._began
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(site, now - self._began)
        state = site.zookeeper.state(self._instance)
        behind = [part.name for part in state.partitions if part.under_replicated]
        return self._copied, state.reassigning, behind

    def _look(self, site: Site, seconds: float) -> None:
        replicas = site.kafka.replicas(self._instance)
        found = progress(self._moves.all, self._moves.sizes, replicas, seconds)
        if found.copied != self._copied:
            site.stage.say(found.sentence)
        self._copied = found.copied
