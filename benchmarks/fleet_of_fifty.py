"""Fifty instances in the records: a whole `fleet ls`, and one health sweep, beside their floors.

`fleet bench fleet_of_fifty [--instances N] [--delay MS]`. The records and the secrets are real, in
a home of their own that is gone afterwards; machines, ZooKeeper and Kafka are the fakes of the
tests, and each question to them takes as long as a round trip. The floor of the list is a Python
that does nothing; that of the sweep is the same questions asked by as many threads, and no more.
"""

from __future__ import annotations

import argparse
import copy
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from flows.adapters.records.engine import open_engine
from flows.adapters.records.sql import SqlRecords
from flows.adapters.secrets import FernetSecrets, PrefectBlocks
from flows.adapters.site import Doors, InstanceRow
from flows.adapters.stage import PlainStage
from flows.domain.operations import Caller, Door
from flows.doors.controlplane.home import prepare_home
from flows.doors.wiring import upgrade_records
from flows.instances.create_instance import create_instance
from flows.monitoring.check_health import AT_ONCE, sweep
from flows.procedures.conduct import conduct
from flows.settings import CHECKOUT, Settings
from tests.world.world import World

WISH = {"name": "fleet-000", "sasl_ssl": True, "first_user": "alice"}
GOALS = {"ls": 0.7, "sweep": 5.0}
REPEAT = 5


@dataclass(frozen=True)
class Cost:
    """How long something took, and how much of a processor; others slow down the first only."""

    seconds: float
    cpu_seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.cpu_seconds:.2f} s)"


@dataclass(frozen=True)
class Fleet:
    """A home with so many instances, and the doors to it."""

    home: Path
    doors: Doors
    questions: list[str]

    def list(self) -> Cost:
        """One whole `fleet ls`."""
        command = [sys.executable, "-P", "-m", "flows.doors.cli", "ls"]
        return _process(command, {"FLEET_HOME": str(self.home)})

    def sweep(self) -> Cost:
        """One sweep, which finds every instance well."""
        self.questions.clear()
        began, busy = time.perf_counter(), time.process_time()
        sentence = sweep(self.doors)
        cost = Cost(time.perf_counter() - began, time.process_time() - busy)
        expected = f"{len(self.doors.records.living())} instances looked at"
        if sentence != expected:
            raise AssertionError(f"the sweep said {sentence}, not {expected}")
        return cost

    def ask(self, delay: float) -> Cost:
        """What the last sweep asked, asked by as many threads."""
        began, busy = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(lambda question: time.sleep(delay), self.questions):
                pass
        return Cost(time.perf_counter() - began, time.process_time() - busy)


class Distant:
    """A door behind which every question takes so many seconds."""

    def __init__(self, door: Any, delay: float, questions: list[str]) -> None:
        self._door = door
        self._delay = delay
        self._questions = questions

    def __getattr__(self, name: str) -> Callable[..., Any]:
        question = getattr(self._door, name)

        def ask(*arguments: Any) -> Any:
            self._questions.append(name)
            time.sleep(self._delay)
            return question(*arguments)

        return ask


def fleet(home: Path, instances: int, delay: float) -> Fleet:
    """So many running instances in a new home; each question to one takes `delay` seconds."""
    settings = Settings(home=home)
    prepare_home(settings)
    upgrade_records(settings)
    world = World()
    # The rules of the world are about its own records.
    world.effects.check = lambda: None
    engine = open_engine(settings.database_url)
    records = SqlRecords(engine, world.processes, world.clock)
    secrets = FernetSecrets(engine, settings.secrets / "master.key", PrefectBlocks())
    doors = replace(world.doors(), records=records, secrets=secrets)
    caller = Caller("bench", Door.PYTHON, world.processes.here("run-1", ""))
    conduct(create_instance, doors, WISH, caller, PlainStage())
    (first,) = records.living()
    for number in range(1, instances):
        _double(world, doors, first, f"f{number:07d}")
    questions: list[str] = []
    far: dict[str, Any] = {
        name: Distant(getattr(world, name), delay, questions)
        for name in ("hosts", "zookeeper", "kafka")
    }
    distant = replace(
        doors, hosts=lambda id: far["hosts"], zookeeper=far["zookeeper"], kafka=far["kafka"]
    )
    return Fleet(home, distant, questions)


def _double(world: World, doors: Doors, first: InstanceRow, id: str) -> None:
    """One more instance that is and has what the first is and has."""
    wish = first.wish.model_copy(update={"name": f"fleet-{id}"})
    doors.records.add(replace(first, id=id, wish=wish))
    for machine in doors.records.machines(first.id):
        twin = replace(machine, name=machine.name.replace(first.id, id))
        doors.records.keep_machine(id, twin)
        host = copy.deepcopy(world.provider.hosts[machine.name])
        world.provider.hosts[twin.name] = replace(host, machine=twin, owner=id)
    world.zookeeper.nodes[id] = dict(world.zookeeper.nodes[first.id])
    world.zookeeper.clusters[id] = copy.deepcopy(world.zookeeper.clusters[first.id])
    for name in _secret_names(doors, first):
        doors.secrets.put(id, name, doors.secrets.get(first.id, name) or "")


def _secret_names(doors: Doors, first: InstanceRow) -> list[str]:
    """The certificates, which are what a sweep reads."""
    addresses = {machine.broker: machine.address for machine in doors.records.machines(first.id)}
    stores = [
        f"store-{listener}-{broker}-{address}"
        for broker, address in addresses.items()
        for listener in ("internal", "control", "private")
    ]
    names = [*stores, "internal-authority-1", "clients-authority-1"]
    return [name for name in names if doors.secrets.get(first.id, name) is not None]


def _process(command: Sequence[str], environment: dict[str, str]) -> Cost:
    began, busy = time.perf_counter(), _children_seconds()
    subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    return Cost(time.perf_counter() - began, _children_seconds() - busy)


def _children_seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system


def measure(instances: int, delay: float) -> list[tuple[str, Cost, Cost, float]]:
    """Name, cost, floor and goal of each number; medians."""
    with tempfile.TemporaryDirectory(prefix="kafka-fleet-bench-") as directory:
        made = fleet(Path(directory) / "home", instances, delay)
        floor = [sys.executable, "-c", "pass"]
        made.list()
        listed = _middle([made.list() for _ in range(REPEAT)])
        nothing = _middle([_process(floor, {}) for _ in range(REPEAT)])
        swept = _middle([made.sweep() for _ in range(REPEAT)])
        return [
            (f"`fleet ls` of {instances}, the whole process", listed, nothing, GOALS["ls"]),
            (f"health sweep over {instances}", swept, made.ask(delay), GOALS["sweep"]),
        ]


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(median(each.seconds for each in costs), median(each.cpu_seconds for each in costs))


def main(arguments: Sequence[str] | None = None) -> int:
    """The table is printed."""
    parser = argparse.ArgumentParser(prog="fleet bench fleet_of_fifty", description=__doc__)
    parser.add_argument("--instances", type=int, default=50, metavar="N")
    parser.add_argument("--delay", type=float, default=20, metavar="MS", help="of each question")
    wish = parser.parse_args(arguments)
    print("| seconds (of a processor) | measured | floor | goal |\n|---|---:|---:|---:|")
    for name, cost, floor, goal in measure(wish.instances, wish.delay / 1000):
        print(f"| {name} | {cost} | {floor} | {goal} s |")
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"\nEach question takes {wish.delay:.0f} ms; load {load}; medians of {REPEAT}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
