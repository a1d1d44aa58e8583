"""An operation on the service as a whole: shown, approved, refused, failed, cut off, remembered."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pydantic import Field

from flows.domain.errors import EffectFailed, Refused
from flows.domain.operations import OperationStatus
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import Request
from flows.procedures.operation import Outcome
from flows.procedures.remembering import TraceNames
from flows.procedures.service import service_operation
from flows.steps.site import Doors, Service
from flows.steps.step import service_step
from tests.world.effects import Effects, Fake, Killed, Trouble, changes
from tests.world.world import World


class Board(Fake):
    """Notes that everybody can read."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects
        self.notes: list[str] = []

    @changes
    def pin(self, note: str) -> None:
        """The note hangs there."""
        self.notes.append(note)


class Pin(Request):
    """Pin a note."""

    note: str = Field(title="Note", description="Free text.")


@dataclass(frozen=True)
class PinPlan(Plan):
    """The note."""

    note: str = field(kw_only=True)


BOARDS: dict[int, Board] = {}


def plan_note(doors: Doors, request: Pin) -> PinPlan:
    board = BOARDS[id(doors.records)]
    steps = () if request.note in board.notes else (PlannedStep("board", "pin", request.note),)
    return PinPlan("Pin a note", steps, note=request.note)


@service_step("pin it")
def pin(service: Service, note: str) -> None:
    if note == "rude":
        raise Refused('note "rude": polite ones are accepted')
    BOARDS[id(service.doors.records)].pin(note)


TRACES = TraceNames("accepted", "refused", "done", "failed")


@service_operation(Pin, plan=plan_note, run_name="pin {note}", traces=TRACES)
def pin_note(service: Service, plan: PinPlan) -> Outcome:
    """Pin a note to the board."""
    pin(service, plan.note)
    return Outcome("Pin note: it hangs", changed=True, result={"note": plan.note})


@pytest.fixture
def world() -> World:
    world = World()
    BOARDS[id(world.records)] = Board(world.effects)
    return world


def board(world: World) -> Board:
    return BOARDS[id(world.records)]


def test_what_is_asked_for_is_done_and_remembered(world: World) -> None:
    outcome = world.serve(pin_note, {"note": "hello"})
    assert (outcome.sentence, outcome.changed) == ("Pin note: it hangs", True)
    assert board(world).notes == ["hello"]
    assert world.stage.titles == ["pin it"]
    assert "Pin note: it hangs" in world.stage.pages["report"]
    (row,) = world.records.history(None)
    assert (row.operation, row.status, row.instance_id) == (
        "pin-note",
        OperationStatus.SUCCESSFUL,
        None,
    )
    assert row.result == outcome.result
    assert [each.name for each in world.records.traces("service")] == ["accepted", "done"]
    assert not world.records.holds(row.epoch)


def test_the_second_time_there_is_nothing_to_do(world: World) -> None:
    world.serve(pin_note, {"note": "hello"})
    again = world.serve(pin_note, {"note": "hello"})
    assert (again.sentence, again.changed) == ("Pin note: nothing to do", False)
    assert board(world).notes == ["hello"]


def test_a_plan_is_shown_and_only_the_approved_one_is_carried_out(world: World) -> None:
    shown = world.serve(pin_note, {"note": "hello", "plan_only": True})
    assert board(world).notes == []
    assert str(shown.result["plan"]) in world.stage.pages["plan"]
    with pytest.raises(Refused, match='approved_plan "0": the plan is '):
        world.serve(pin_note, {"note": "hello", "approved_plan": "0"})
    world.serve(pin_note, {"note": "hello", "approved_plan": shown.result["plan"]})
    assert board(world).notes == ["hello"]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [({}, "note: it is required"), ({"note": "rude"}, 'note "rude": polite ones are accepted')],
)
def test_a_refusal_is_remembered(world: World, raw: dict[str, str], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        world.serve(pin_note, raw)
    assert str(refused.value) == sentence
    (row,) = world.records.history(None)
    assert (row.status, row.reason) == (OperationStatus.REFUSED, sentence)
    assert world.records.traces()[-1].name == "refused"
    assert sentence in world.stage.pages["report"]


def test_a_failure_and_a_kill_are_seen_in_the_history(world: World) -> None:
    world.effects.trouble_at, world.effects.trouble = 2, Trouble.FAILS
    with pytest.raises(EffectFailed):
        world.serve(pin_note, {"note": "hello"})
    world.effects.heal()
    world.effects.log.clear()
    assert world.records.history(None)[0].status is OperationStatus.FAILED
    assert world.records.traces()[-1].name == "failed"

    world.effects.trouble_at, world.effects.trouble = 2, Trouble.KILLED_AFTER
    with pytest.raises(Killed):
        world.serve(pin_note, {"note": "hello"})
    world.effects.heal()
    assert world.records.history(None)[0].status is OperationStatus.INTERRUPTED
    assert not world.serve(pin_note, {"note": "hello"}).changed
