"""What people will feel while brokers go away one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flows.domain.cluster import ClusterState, Partition
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance
from flows.domain.plan import PlannedStep
from flows.domain.reassignment import Goal, Proposal, assignment_of, propose
from flows.domain.rolling import AtRisk

NAMED_AT_MOST = 5
RAISED_AT_MOST = 20_000
"""Partitions of which one roll can raise the replicas: one node remembers them (1 MB)."""


@dataclass(frozen=True)
class Felt:
    """What the absence of one broker means, once everything else is in sync.

    `unavailable` can be neither read nor written, `unwritable` not be written with acks=all.
    """

    broker: int
    unavailable: tuple[Partition, ...] = ()
    unwritable: tuple[Partition, ...] = ()

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """All that are at risk."""
        return (*self.unavailable, *self.unwritable)


@dataclass(frozen=True)
class Impact:
    """What a roll over some brokers means, in their order, and the groups that will notice.

    `min_in_sync` is partition name -> replicas that a write with acks=all needs; `unknown` why
    nobody can tell the groups.
    """

    felt: tuple[Felt, ...] = ()
    groups: tuple[str, ...] = ()
    min_in_sync: Mapping[str, int] = field(default_factory=dict)
    unknown: str = ""

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """Every partition at risk, once."""
        found = {part.name: part for each in self.felt for part in each.partitions}
        return tuple(found[name] for name in sorted(found))

    @property
    def user_partitions(self) -> tuple[Partition, ...]:
        """Those of users' topics: they decide whether the change is refused."""
        return tuple(part for part in self.partitions if not part.topic.startswith("__"))

    def needed(self, partition: Partition) -> int:
        """Replicas with which one can be spared: one more than a write needs."""
        return self.min_in_sync[partition.name] + 1

    @property
    def sentences(self) -> tuple[str, ...]:
        """For the plan's page; empty when nobody will feel more than a moved leader."""
        lines = [line for each in self.felt for line in self._of(each)]
        waiting = f"consumer groups that wait meanwhile: {_some(self.groups)}"
        unknown = f"consumer groups that wait meanwhile are not known: {self.unknown}"
        return (
            *lines,
            *([waiting] if self.groups else []),
            *([unknown] if self.unknown and self.felt else []),
        )

    def _of(self, felt: Felt) -> list[str]:
        away = f"while broker {felt.broker} is away"
        gone = [f"{part.name} ({_replicas(part)})" for part in felt.unavailable]
        shut = [
            f"{part.name} ({_replicas(part)}, min.insync.replicas {self.min_in_sync[part.name]})"
            for part in felt.unwritable
        ]
        return [
            *([f"can be neither read nor written {away}: {_some(gone)}"] if gone else []),
            *([f"cannot be written with acks=all {away}: {_some(shut)}"] if shut else []),
        ]


def impact(
    state: ClusterState, brokers: Iterable[int], groups: Mapping[str, Iterable[str]]
) -> Impact:
    """What is felt when these brokers, which serve now, are stopped one at a time.

    `groups` is consumer group -> topics that it reads. A roll waits until all replicas are in
    sync before each stop, so every replica counts, whether it is in sync just now or not.
    """
    felt = tuple(_felt(state, broker) for broker in brokers)
    topics = {part.topic for each in felt for part in each.unavailable}
    waiting = sorted(group for group, reads in groups.items() if topics.intersection(reads))
    needed = {part.name: state.min_in_sync(part) for each in felt for part in each.partitions}
    return Impact(tuple(each for each in felt if each.partitions), tuple(waiting), needed)


def impact_on(instance: Instance, brokers: Iterable[int]) -> Impact:
    """What is felt when these brokers of an instance are stopped one at a time."""
    if instance.cluster is None:
        return Impact()
    found = impact(instance.cluster, brokers, instance.groups)
    return replace(found, unknown=instance.groups_unknown)


def groups_may_wait(state: ClusterState) -> bool:
    """Whether a user's partition can be away at all; else no group needs to be asked for."""
    return any(
        len(part.replicas) == 1 for part in state.partitions if not part.topic.startswith("__")
    )


def check_at_risk(found: Impact, choice: AtRisk, brokers: int) -> None:
    """Refuses a roll that users' topics would feel, unless somebody chose otherwise.

    `brokers` is how many there are: of a partition that needs more no replicas can be raised.
    """
    if choice is AtRisk.REFUSE and found.user_partitions:
        names = [part.name for part in found.user_partitions]
        raise Refused(
            f'at_risk "{choice}": {_some(names)} cannot be read, or written with acks=all, while '
            f"a broker is away; give their topics more replicas, or choose one of {_other(choice)}"
        )
    if choice is AtRisk.RAISE_REPLICAS:
        _check_raisable(found, brokers)


def _check_raisable(found: Impact, brokers: int) -> None:
    short = [
        f"{part.name} (min.insync.replicas {found.min_in_sync[part.name]})"
        for part in found.user_partitions
        if found.needed(part) > brokers
    ]
    if short:
        rule = (
            f"{_some(short)} would need more replicas than there are brokers ({brokers}); lower "
            f"min.insync.replicas of their topics, or choose one of {_other(AtRisk.RAISE_REPLICAS)}"
        )
        raise refusal("at_risk", str(AtRisk.RAISE_REPLICAS), rule)
    if len(found.user_partitions) > RAISED_AT_MOST:
        rule = f"{len(found.user_partitions)} partitions are at risk, {RAISED_AT_MOST} are accepted"
        raise refusal("at_risk", str(AtRisk.RAISE_REPLICAS), rule)


def _other(choice: AtRisk) -> str:
    return ", ".join(str(each) for each in AtRisk if each is not choice)


def felt_with(found: Impact, choice: AtRisk) -> Impact:
    """What is still felt as was chosen: nothing of partitions whose replicas are raised."""
    if choice is not AtRisk.RAISE_REPLICAS:
        return found
    raised = {part.name for part in found.user_partitions}
    felt = tuple(
        Felt(
            each.broker,
            tuple(part for part in each.unavailable if part.name not in raised),
            tuple(part for part in each.unwritable if part.name not in raised),
        )
        for each in found.felt
    )
    return Impact(tuple(each for each in felt if each.partitions), min_in_sync=found.min_in_sync)


def closing_steps(instance: Instance, found: Impact, choice: AtRisk) -> tuple[PlannedStep, ...]:
    """What a roll sees to beside its brokers, also when it was cut off after the last of them."""
    names = [part.name for part in found.user_partitions]
    words = "see that every broker is in sync and leads what it should"
    settled = PlannedStep("instance", words, f"settled {choice} {names}" if names else "settled")
    if names and choice is AtRisk.RAISE_REPLICAS:
        words = f"more replicas for {_some(names)}; put back after the last broker"
        return PlannedStep("partitions", words, "raised"), settled
    if instance.cluster and instance.cluster.raised:
        left = [f"{each.topic}-{each.number}" for each in instance.cluster.raised]
        words = f"put the replicas of {_some(left)} back, which were raised for the roll"
        return PlannedStep("partitions", words, "put back"), settled
    return (settled,)


def raised_replicas(state: ClusterState, found: Impact, racks: Mapping[int, str]) -> Proposal:
    """Moves that give every user partition at risk one replica more than a write needs.

    Replicas that exist stay; `Move.back` of each puts it back afterwards. Partitions that cannot
    have as many, since there are too few brokers, are left out: they stay at risk.
    """
    brokers = tuple(sorted(state.registrations))
    by_count: defaultdict[int, set[str]] = defaultdict(set)
    for part in found.user_partitions:
        by_count[found.needed(part)].add(part.name)
    assignment = assignment_of(state.partitions)
    moves = [
        move
        for count, names in sorted(by_count.items())
        if count <= len(brokers)
        for move in propose(
            {(topic, number): replicas for (topic, number), replicas in assignment.items()
             if f"{topic}-{number}" in names},
            Goal(brokers, racks, replicas=count, settled=True),
        ).moves
    ]  # fmt: skip
    return Proposal(tuple(sorted(moves, key=lambda move: move.partition)))


def _felt(state: ClusterState, broker: int) -> Felt:
    held = [part for part in state.partitions if broker in part.replicas]
    return Felt(
        broker,
        tuple(part for part in held if len(part.replicas) == 1),
        tuple(part for part in held if 1 < len(part.replicas) <= state.min_in_sync(part)),
    )


def _replicas(partition: Partition) -> str:
    count = len(partition.replicas)
    return "1 replica" if count == 1 else f"{count} replicas"


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED_AT_MOST
    shown = ", ".join(names[:NAMED_AT_MOST])
    return f"{shown} and {more} more" if more > 0 else shown
