"""Two of the arms: ours, and what an administrator does by hand."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.creating.product import conduct
from benchmarks.creating.spans import Span, with_gaps
from benchmarks.creating.surroundings import Place
from flows.adapters.secrets.kept import SSH_KEY, kept
from flows.adapters.site import Doors
from flows.domain import gates
from flows.domain.errors import GateTimeout
from flows.domain.instance import Broker, Instance
from flows.doors.wiring import open_doors
from flows.steps.observation import remembered

CALM_SECONDS = 5.0
LIMIT_SECONDS = 300.0
BEFORE, BETWEEN = "before the first step", "between steps"
RESTART = "systemctl restart kafka"
WHOLE = "wait until nothing is under-replicated"
CALM = "5 s of calm"


@dataclass(frozen=True)
class Turn:
    """One broker's turn, by the monotonic clock."""

    broker: int
    began: float
    ended: float


@dataclass(frozen=True)
class Course:
    """What was done to which broker, and step by step as far as that is known; monotonic clock."""

    turns: tuple[Turn, ...]
    steps: tuple[Span, ...] = ()


def our_roll(place: Place, name: str) -> Course:
    """`restart-instance`, asked for as `fleet run` does; the turns as its probe saw them."""
    done = conduct(place, "restart-instance", {"instance": name, "stall_budget": "600"})
    doors = open_doors(place.settings, lambda line: None)
    probe = doors.records.history(name)[0].result["probe"]
    turns = tuple(
        Turn(int(broker), each["began"], each["began"] + each["seconds"])
        for broker, each in probe["brokers"].items()
    )
    return Course(turns, _monotonic(with_gaps(done.asked, done.steps, BEFORE, BETWEEN)))


def plain_roll(place: Place, name: str) -> Course:
    """`systemctl restart kafka`, one broker after the other, the controller last.

    After each one it waits until no partition is under-replicated. Nobody moves leaders back.
    """
    doors, instance = opened(place, name)
    controller = doors.zookeeper.state(instance).controller
    order = sorted(instance.brokers, key=lambda broker: broker.id == controller)
    done = [_restarted(doors, instance, broker) for broker in order]
    return Course(
        tuple(turn for turn, _ in done), tuple(step for _, steps in done for step in steps)
    )


def lead_as_preferred(place: Place, name: str) -> None:
    """Every partition is led by its first replica, whatever the roll before left."""
    doors, instance = opened(place, name)
    state = doors.zookeeper.state(instance)
    misled = [part for broker in instance.brokers for part in gates.preferred_of(broker.id, state)]
    doors.kafka.elect_preferred(instance, [(part.topic, part.number) for part in misled])


def opened(place: Place, name: str) -> tuple[Doors, Instance]:
    """The doors of the place, and an instance as it is remembered there."""
    doors = open_doors(place.settings, lambda line: None)
    row = doors.records.find(name)
    assert row is not None
    return doors, remembered(doors, row)


def shell(doors: Doors, instance: Instance, broker: Broker, command: str) -> None:
    """A command was run as root on the machine of a broker."""
    assert broker.machine is not None
    address, pinned = broker.machine.address, broker.machine.host_key
    with tempfile.TemporaryDirectory() as directory:
        key, known = Path(directory) / "key", Path(directory) / "known_hosts"
        key.touch(mode=0o600)
        key.write_text(kept(doors.secrets, instance, SSH_KEY).strip() + "\n")
        known.write_text(f"{address} {pinned}\n")
        options = ("-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-F", "none")
        argv = ["ssh", "-i", str(key), *options, f"root@{address}", command]
        subprocess.run(argv, check=True, capture_output=True, timeout=LIMIT_SECONDS)


def _monotonic(steps: Sequence[Span]) -> tuple[Span, ...]:
    """The same steps by the clock of whoever measures gaps."""
    ahead = time.time() - time.monotonic()
    return tuple(Span(step.name, step.began - ahead, step.ended - ahead) for step in steps)


def _restarted(doors: Doors, instance: Instance, broker: Broker) -> tuple[Turn, tuple[Span, ...]]:
    began = time.monotonic()
    before = doors.zookeeper.registrations(instance).get(broker.id)
    shell(doors, instance, broker, "systemctl restart kafka")
    started = time.monotonic()
    while (reason := _not_whole(doors, instance, broker, before)) is not None:
        if time.monotonic() - began > LIMIT_SECONDS:
            raise GateTimeout(f"broker {broker.id} was restarted by hand, in vain: {reason}")
        time.sleep(0.5)
    whole = time.monotonic()
    time.sleep(CALM_SECONDS)
    ended = time.monotonic()
    steps = (Span(RESTART, began, started), Span(WHOLE, started, whole), Span(CALM, whole, ended))
    return Turn(broker.id, began, ended), steps


def _not_whole(doors: Doors, instance: Instance, broker: Broker, before: int | None) -> str | None:
    state = doors.zookeeper.state(instance)
    return gates.not_back(broker.id, before, state) or gates.out_of_sync(state)
