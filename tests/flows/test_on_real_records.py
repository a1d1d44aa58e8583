"""The same story on the real records and the real store of secrets, in a database of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flows.adapters.records.sql import SqlRecords
from flows.adapters.secrets import FernetSecrets
from flows.adapters.site import Doors
from flows.adapters.stage import PlainStage
from flows.domain.errors import EffectFailed, Refused, Superseded
from flows.domain.instance import Status
from flows.domain.operations import Caller, Door, OperationStatus
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.monitoring.check_health import sweep
from flows.procedures.conduct import conduct
from flows.procedures.operation import Operation, Outcome
from tests.adapters.record_samples import new_database
from tests.flows.worlds import BLOCK, DEMO, GOODBYE, Interlude
from tests.world.effects import Killed, Trouble
from tests.world.world import World


class Blocks:
    """Blocks of a Prefect server, in memory."""

    def __init__(self) -> None:
        self.texts = {BLOCK: "Br0ker-Rules"}

    def read(self, reference: str) -> str | None:
        """The text, or None."""
        return self.texts.get(reference)

    def delete(self, reference: str) -> None:
        """There is no such block."""
        self.texts.pop(reference, None)

    def made_by_us(self, reference: str) -> bool:
        """By its name."""
        return reference.startswith("fleet-run-")


@dataclass
class Plane:
    """A control plane with real memory and fake machines."""

    world: World
    records: SqlRecords
    secrets: FernetSecrets
    blocks: Blocks
    runs: int = 0

    def doors(self) -> Doors:
        """The fakes' doors, but for what is remembered."""
        return replace(self.world.doors(), records=self.records, secrets=self.secrets)

    def ask(
        self,
        operation: Operation[Any, Any],
        wish: Mapping[str, Any],
        stage: PlainStage | None = None,
    ) -> Outcome:
        """One run, which is gone afterwards."""
        self.runs += 1
        run = self.world.processes.here(f"run-{self.runs}", f"http://ui/{self.runs}")
        caller = Caller("ada", Door.CLI, run)
        try:
            return conduct(operation, self.doors(), wish, caller, stage or PlainStage())
        finally:
            self.world.processes.dead.add(run.id)


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    """A control plane in a directory of its own."""
    world, blocks, engine = World(), Blocks(), new_database(tmp_path)
    # The rules of the world are about its own records.
    world.effects.check = lambda: None
    records = SqlRecords(engine, world.processes, world.clock)
    return Plane(world, records, FernetSecrets(engine, tmp_path / "master.key", blocks), blocks)


def test_from_a_refusal_to_the_end(plane: Plane) -> None:
    wish = {**DEMO, "first_user_password": BLOCK}
    with pytest.raises(Refused, match="brokers 2: "):
        plane.ask(create_instance, {"name": "demo", "brokers": 2})
    assert plane.records.living() == ()

    plane.world.effects.trouble_at, plane.world.effects.trouble = 5, Trouble.KILLED_AFTER
    with pytest.raises(Killed):
        plane.ask(create_instance, wish)
    plane.world.effects.heal()
    assert plane.ask(create_instance, wish).changed
    (row,) = plane.records.living()
    assert row.status is Status.RUNNING
    assert plane.secrets.get(row.id, "first-user-password") == "Br0ker-Rules"
    assert plane.blocks.texts == {}
    assert not plane.ask(create_instance, DEMO).changed

    plane.world.provider.hosts[f"{row.id}-3-1"].running = False
    assert sweep(plane.doors()) == "1 instances looked at; demo: Faulty"
    assert plane.ask(delete_instance, GOODBYE).changed
    assert plane.records.living() == ()
    assert plane.world.provider.hosts == {}
    assert plane.secrets.get(row.id, "first-user-password") is None
    assert [line.status for line in plane.records.history("demo")] == [
        OperationStatus.SUCCESSFUL,
        OperationStatus.SUCCESSFUL,
        OperationStatus.SUCCESSFUL,
        OperationStatus.INTERRUPTED,
        OperationStatus.REFUSED,
    ]
    assert [trace.name for trace in plane.records.traces("demo")] == [
        "createDMSInstanceOrderFailure",
        "createDMSInstanceOrderSuccess",
        "createDMSInstanceOrderSuccess",
        "createDMSInstanceTaskSuccess",
        "instanceStatusChanged",
        "batchDeleteDMSInstanceSuccess",
        "deleteDMSInstanceTaskSuccess",
    ]


def test_a_failure_frees_the_name_and_keeps_the_reason(plane: Plane) -> None:
    def fails() -> None:
        raise EffectFailed("ssh: the line was cut")

    with pytest.raises(EffectFailed, match="the line was cut"):
        plane.ask(create_instance, DEMO, Interlude("start brokers", fails))
    gone = plane.records.find_deleted("demo")
    assert gone is not None
    assert gone.reason == "ssh: the line was cut"
    assert plane.ask(create_instance, {"name": "demo", "brokers": 4}).changed


def test_who_lost_the_instance_stops(plane: Plane) -> None:
    def heir() -> None:
        plane.world.processes.dead.add("run-1")
        plane.ask(create_instance, DEMO)

    with pytest.raises(Superseded):
        plane.ask(create_instance, DEMO, Interlude("start brokers", heir))
    (row,) = plane.records.living()
    assert row.status is Status.RUNNING
