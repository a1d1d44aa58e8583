"""A toy operation: all that a door needs of one, without an instance behind it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from threading import current_thread, main_thread
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from flows.adapters.stage import Stage
from flows.domain.creation import SecretReference
from flows.domain.errors import EffectFailed, Refused
from flows.domain.instance import Status
from flows.domain.operations import Caller
from flows.domain.request import Request, split_list
from flows.doors.catalogue import AnyOperation
from flows.doors.deployments import Deployment
from flows.doors.form import form
from flows.procedures.operation import Operation, Statuses
from flows.procedures.remembering import TraceNames


class Ending(StrEnum):
    """How the toy ends."""

    WELL = "well"
    REFUSED = "refused"
    FAILED = "failed"
    DEFECT = "defect"


class Toy(Request):
    """Plays a little."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)

    name: str = Field(title="Name", description="3 to 9 letters.", min_length=3, max_length=9)
    ending: Ending = Field(default=Ending.WELL, title="Ending", description="How it ends.")
    seconds: float = Field(default=0, title="Seconds", description="How long it plays.", ge=0)
    friend: str | None = Field(default=None, title="Friend", description="Another toy.")
    parts: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(), title="Parts", description="What it is made of."
    )
    password: SecretReference = Field(default=None, title="Password", description="A block.")


def _unused(*_: Any) -> Any:
    raise AssertionError("a toy is played, not conducted")


def play_toy(*_: Any) -> None:
    """Play with a toy."""


toy: AnyOperation = Operation(
    name="play-toy",
    title="Play toy",
    request=Toy,
    subject=_unused,
    plan=_unused,
    procedure=play_toy,
    statuses=Statuses(during=Status.CHANGING, after=Status.RUNNING),
    traces=TraceNames(accepted="", refused="", done="", failed=""),
    run_words="play with {name}",
    give_up=_unused,
)

DEPLOYMENT = Deployment(
    flow=toy.name,
    title=toy.title,
    description=toy.description,
    entrypoint="tests.doors.toy_flows:play",
    parameters=form(Toy, toy.title),
    tags=("toys",),
)


def play(raw: Mapping[str, Any], caller: Caller, stage: Stage) -> str:
    """Two steps, a page, and an ending as wished."""
    request = Toy.read(raw)
    counted = stage.step("count {the} parts", lambda: len(request.parts))
    stage.step("play", lambda: _end(request))
    stage.publish("report", f"# Played with {request.name}")
    stage.say(f"{request.name} was played with")
    where = "main" if current_thread() is main_thread() else "another"
    asker = f"{caller.asked_by} through {caller.door}"
    return f"{counted} parts, asked by {asker}, in the {where} thread"


def _end(request: Toy) -> None:
    time.sleep(request.seconds)
    if request.ending is Ending.REFUSED:
        raise Refused(f"{request.name}: it does not want to")
    if request.ending is Ending.FAILED:
        raise EffectFailed(f"{request.name}: it broke")
    if request.ending is Ending.DEFECT:
        raise ZeroDivisionError("nobody expected this")
