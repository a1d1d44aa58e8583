"""The phases of a creation: what of the floor stands beside what of the product, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.creating.spans import NOTHING, Cost, middle

TAKEN = "run taken by the worker"
PROCESS = "process started"
OPENING = "flow begun"
BETWEEN = "between steps"
BOOT = "boot"
PROOF = "prove it: produce and consume through every broker"
MACHINES = "machines made, answering SSH"


@dataclass(frozen=True)
class Phase:
    """Names of the floor's spans and titles of the product's steps that do the same work."""

    title: str
    floor: tuple[str, ...]
    ours: tuple[str, ...]
    why: str


PHASES = (
    Phase(
        TAKEN,
        (),
        (TAKEN,),
        "the request is booked, and the worker asks for runs now and then; by hand there is none",
    ),
    Phase(
        PROCESS,
        (),
        (PROCESS,),
        "each run has a process of its own, which imports Prefect and the product",
    ),
    Phase(OPENING, (), (OPENING,), "the adapters are imported and opened, the request is read"),
    Phase(
        "look, admit, plan",
        (),
        ("look at the instance and its provider",),
        "what is there, what may be, what is still to do; by hand one just begins",
    ),
    Phase(
        MACHINES,
        (BOOT,),
        ("make machines", "wait until every machine answers over SSH"),
        "the same calls of the lab; ours also asks each machine over SSH with its pinned key",
    ),
    Phase(
        "preflight",
        (),
        ("preflight: SSH, clock, disk, memory, ports, names, Java",),
        "clock, disk, memory, ports, names, Java, foreign firewalls of each host; by hand: trust",
    ),
    Phase(
        "certificates and files",
        ("certificates and files",),
        ("issue certificates",),
        "the same authorities and stores, kept encrypted on both sides; ours computes the files "
        "when it delivers them",
    ),
    Phase(
        "tarballs unpacked",
        ("tarballs unpacked",),
        ("unpack distributions",),
        "OpenSSH and tar against paramiko, which asks first, syncs the file system and swaps a "
        "whole directory, so that a torn stream is never taken for a distribution",
    ),
    Phase(
        "user, disk, files, units",
        ("user, disk, files, units",),
        (
            "deliver firewall, configuration and ZooKeeper",
            "let through in the security group what the firewalls let in",
        ),
        "one tar and one shell script against one play of three tasks, each of which starts a "
        "Python on each host, checks what is there and syncs each file",
    ),
    Phase(
        "ZooKeeper's quorum",
        ("ZooKeeper's quorum",),
        ("wait until ZooKeeper's ensemble serves",),
        "JVMs on the host's cores; ours began to wait later, once the play had ended",
    ),
    Phase(
        "permissions and users",
        ("permissions and users",),
        ("write permissions and users",),
        "the same function on both sides",
    ),
    Phase(
        "brokers started",
        ("brokers started",),
        ("start brokers",),
        "one systemctl over an open connection against a play that notes the generation",
    ),
    Phase(
        "brokers registered",
        ("brokers registered",),
        ("wait until every broker is registered",),
        "JVMs on the host's cores; the rest of the play runs beside them",
    ),
    Phase(
        "metadata complete",
        ("metadata complete",),
        ("wait until the metadata holds every broker",),
        "JVMs on the host's cores",
    ),
    Phase(
        "Kafka's own topics",
        (),
        ("make Kafka's own topics",),
        "100 partitions with safe settings that Kafka would make later with unsafe ones",
    ),
    Phase(
        "probe topic and first ack",
        ("probe topic and first ack",),
        (PROOF,),
        "the floor ends at the first ack; ours at the end of the proof, which sends nine messages "
        "and reads all of them back, from brokers that the topics before have warmed",
    ),
    Phase(
        "between steps",
        (),
        (BETWEEN,),
        "each step is a task run in Prefect's books; the plan is made again once the instance is "
        "held, and published",
    ),
)


@dataclass(frozen=True)
class Row:
    """A phase with what it cost here and there, in medians."""

    phase: Phase
    floor: Cost
    ours: Cost


Costs = Mapping[str, Cost]


def rows(floors: Sequence[Costs], ours: Sequence[Costs]) -> tuple[Row, ...]:
    """Every phase with its costs; what belongs to no phase gets a row of its own."""
    return tuple(
        Row(
            phase,
            middle([_sum(phase.floor, costs) for costs in floors]),
            middle([_sum(phase.ours, costs) for costs in ours]),
        )
        for phase in (*PHASES, *_unknown(floors, ours))
    )


def total(costs: Costs, without: Iterable[str] = ()) -> Cost:
    """Everything but the named spans."""
    left = [each for name, each in costs.items() if name not in set(without)]
    return sum(left, NOTHING)


def names(title: str) -> tuple[str, ...]:
    """The spans of both sides that a phase is made of."""
    return tuple(
        name for phase in PHASES if phase.title == title for name in (*phase.floor, *phase.ours)
    )


def _sum(wanted: Iterable[str], costs: Costs) -> Cost:
    return sum((costs.get(name, NOTHING) for name in wanted), NOTHING)


def _unknown(floors: Sequence[Costs], ours: Sequence[Costs]) -> list[Phase]:
    known = {name for phase in PHASES for name in (*phase.floor, *phase.ours)}
    found = dict.fromkeys(name for costs in (*floors, *ours) for name in costs)
    why = "no phase of this benchmark names it"
    return [Phase(name, (name,), (name,), why) for name in found if name not in known]
