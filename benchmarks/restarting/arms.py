"""The arms: ours, and what an administrator does by hand."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.creating.product import conduct
from benchmarks.creating.surroundings import Place
from flows.adapters.secrets.kept import SSH_KEY
from flows.adapters.site import Doors
from flows.domain import gates
from flows.domain.errors import GateTimeout
from flows.domain.instance import Broker, Instance, Machine
from flows.doors.wiring import open_doors
from flows.steps.observation import remembered

CALM_SECONDS = 5.0
LIMIT_SECONDS = 300.0


@dataclass(frozen=True)
class Turn:
    """One broker's turn, by the monotonic clock."""

    broker: int
    began: float
    ended: float


def our_roll(place: Place, name: str) -> tuple[Turn, ...]:
    """`restart-instance`, asked for as `fleet run` does; the turns as its probe saw them."""
    conduct(place, "restart-instance", {"instance": name, "stall_budget": "600"})
    doors = open_doors(place.settings, lambda line: None)
    probe = doors.records.history(name)[0].result["probe"]
    return tuple(
        Turn(int(broker), each["began"], each["began"] + each["seconds"])
        for broker, each in probe["brokers"].items()
    )


def plain_roll(place: Place, name: str) -> tuple[Turn, ...]:
    """`systemctl restart kafka`, one broker after the other, the controller last.

    After each one it waits until no partition is under-replicated. Nobody moves leaders back.
    """
    doors = open_doors(place.settings, lambda line: None)
    row = doors.records.find(name)
    assert row is not None
    instance = remembered(doors, row)
    controller = doors.zookeeper.state(instance).controller
    order = sorted(instance.brokers, key=lambda broker: broker.id == controller)
    return tuple(_restarted(doors, instance, broker) for broker in order)


def _restarted(doors: Doors, instance: Instance, broker: Broker) -> Turn:
    assert broker.machine is not None
    began = time.monotonic()
    before = doors.zookeeper.registrations(instance).get(broker.id)
    _ssh(doors, instance, broker.machine, "systemctl restart kafka")
    while (reason := _not_whole(doors, instance, broker, before)) is not None:
        if time.monotonic() - began > LIMIT_SECONDS:
            raise GateTimeout(f"broker {broker.id} was restarted by hand, in vain: {reason}")
        time.sleep(0.5)
    time.sleep(CALM_SECONDS)
    return Turn(broker.id, began, time.monotonic())


def _ssh(doors: Doors, instance: Instance, machine: Machine, command: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        key, known = Path(directory) / "key", Path(directory) / "known_hosts"
        key.touch(mode=0o600)
        key.write_text((doors.secrets.get(instance.id, SSH_KEY) or "").strip() + "\n")
        known.write_text(f"{machine.address} {machine.host_key}\n")
        options = ("-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-F", "none")
        argv = ["ssh", "-i", str(key), *options, f"root@{machine.address}", command]
        subprocess.run(argv, check=True, capture_output=True, timeout=LIMIT_SECONDS)


def _not_whole(doors: Doors, instance: Instance, broker: Broker, before: int | None) -> str | None:
    state = doors.zookeeper.state(instance)
    return gates.not_back(broker.id, before, state) or gates.out_of_sync(state)
