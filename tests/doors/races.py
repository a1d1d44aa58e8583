"""A creation on the fakes' machines and the real records, for two who ask at the same moment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flows.adapters.clock import SystemClock
from flows.adapters.records.sql import SqlRecords
from flows.adapters.stage import Stage
from flows.domain.errors import EffectFailed
from flows.domain.operations import Caller, OperationStatus
from flows.doors.deployments import Deployment
from flows.doors.form import form
from flows.doors.wiring import open_records
from flows.instances.create_instance import create_instance
from flows.procedures.conduct import conduct
from flows.procedures.operation import Operation
from flows.settings import load_settings
from tests.flows.worlds import Interlude
from tests.world.world import World

WAIT_SECONDS = 120
WON = "the other one was refused, so this one may end"

race: Operation[Any, Any] = replace(create_instance, name="race-to-create", title="Race to create")

DEPLOYMENT = Deployment(
    flow=race.name,
    title=race.title,
    description="Two of these at once.",
    entrypoint="tests.doors.toy_flows:run_race",
    parameters=form(race.request, race.title),
    tags=("toys",),
)


def run(raw: Mapping[str, Any], caller: Caller, _: Stage) -> str:
    """Holds the instance until somebody else was refused, then gives up, so nothing is left."""
    records = open_records(load_settings())
    world = World()
    world.effects.check = lambda: None  # the rules of the world are about its own records
    # A clock of its own: the world's makes the same ids in every process.
    doors = replace(world.doors(), records=records, clock=SystemClock())

    def wait() -> None:
        _wait_for_a_refusal(records, str(raw["name"]))
        raise EffectFailed(WON)

    return conduct(race, doors, raw, caller, Interlude("start brokers", wait)).sentence


def _wait_for_a_refusal(records: SqlRecords, name: str) -> None:
    limit = time.monotonic() + WAIT_SECONDS
    while not any(line.status is OperationStatus.REFUSED for line in records.history(name)):
        if time.monotonic() > limit:
            raise EffectFailed(f"nobody else was refused within {WAIT_SECONDS} s")
        time.sleep(0.2)
