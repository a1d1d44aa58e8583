"""The flows of the toy operations; loaded by engines only."""

from __future__ import annotations

from flows.doors.runs import operation_flow
from tests.doors import races, toys

play = operation_flow(toys.toy, toys.play)
run_race = operation_flow(races.race, races.run)
