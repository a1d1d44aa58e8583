"""The flow of the toy operation; loaded by engines only."""

from __future__ import annotations

from flows.doors.runs import operation_flow
from tests.doors import toys

play = operation_flow(toys.toy, toys.play)
