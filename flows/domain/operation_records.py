"""Records of operations that may be forgotten (SPEC 1.8), and failed creations (SPEC 1.1).

Only what has ended can go, and nothing that its instance still needs: an operation that was cut
off is continued by what its record says, and the last one that succeeded says what was reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from flows.domain.creation import AddressList
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Status
from flows.domain.moments import read_period
from flows.domain.operations import OperationRow, OperationStatus
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import Request, split_list

LISTED = 50
"""How many records a plan names one by one."""


def _numbers(value: object) -> object:
    parts = split_list(value)
    if isinstance(parts, int):
        parts = [parts]
    for part in parts if isinstance(parts, list | tuple) else ():
        if not str(part).isdecimal():
            raise refusal("numbers", str(part), "numbers of operations, as `fleet history` shows")
    return parts


class DeleteOperationRecords(Request):
    """Records of operations that shall be forgotten: by number, or all that match a filter."""

    numbers: Annotated[tuple[int, ...], BeforeValidator(_numbers)] = Field(
        default=(),
        title="Numbers",
        description="Numbers of operations, separated by commas, as the history shows them.",
    )
    instance: str = Field(
        default="",
        title="Instance",
        description="Those of the instance of this name or id, also of a deleted one.",
    )
    since: str = Field(
        default="",
        title="Since",
        description="Those that started at or after: 7d, 2026-01-31 or 2026-01-31 12:00 (UTC).",
    )
    until: str = Field(
        default="",
        title="Until",
        description="Those that started before: 30d, 2026-01-31 or 2026-01-31 12:00 (UTC).",
    )

    @model_validator(mode="after")
    def _rules(self) -> DeleteOperationRecords:
        read_period(self.since, self.until, datetime.max.replace(tzinfo=UTC))
        filtered = bool(self.instance or self.since or self.until)
        if self.numbers and filtered:
            raise Refused("numbers: they name records one by one; give either them or a filter")
        if not self.numbers and not filtered:
            raise Refused("request: it names nothing; give numbers, instance, since or until")
        return self


class ClearFailedCreations(Request):
    """Failed creations that shall be taken from their list: by name, or all."""

    names: AddressList = Field(
        default=(),
        title="Names",
        description="Names, ids or numbers of failed creations, separated by commas.",
    )
    all: bool = Field(default=False, title="All", description="Clear the whole list.")

    @model_validator(mode="after")
    def _rules(self) -> ClearFailedCreations:
        if self.names and self.all:
            raise Refused("names: they are named, and all=true is given as well; one of the two")
        if not self.names and not self.all:
            raise Refused("names: name failed creations, or give all=true to clear the whole list")
        return self

    def means(self, row: OperationRow) -> bool:
        """Whether this failed creation is asked for."""
        ways = {row.instance_name, row.instance_id or "", str(row.epoch)}
        return self.all or not ways.isdisjoint(self.names)


@dataclass(frozen=True)
class ForgettingPlan(Plan):
    """The records that will be forgotten."""

    rows: tuple[OperationRow, ...] = field(kw_only=True)

    def ended(self, done: str) -> str:
        """How it ended, in one sentence; `done` says what became of the records."""
        stay = f"; {len(self.warnings)} stay, the plan says why" if self.warnings else ""
        return f"{self.title}: {done}{stay}"


Reason = Callable[[OperationRow], str | None]
"""Why a record has to stay, or None."""


def plan_forgetting(
    title: str, chosen: Sequence[OperationRow], reason: Reason, *, named: bool
) -> ForgettingPlan:
    """What will be forgotten; records that must stay are Refused when named, else they stay."""
    told = [(row, reason(row)) for row in chosen]
    staying = [sentence for _, sentence in told if sentence]
    if named and staying:
        raise Refused("; ".join(staying))
    rows = tuple(row for row, sentence in told if sentence is None)
    return ForgettingPlan(title, tuple(_steps(rows)), tuple(staying), rows=rows)


def reason_to_stay(
    row: OperationRow, history: Sequence[OperationRow], status: Status | None
) -> str | None:
    """Why a record cannot be forgotten yet.

    `history` is that of its instance, newest first; `status` is None when that lives no more.
    """
    who = f"operation {row.epoch} ({row.operation} of {row.instance_name or 'the service'})"
    if row.status is OperationStatus.RUNNING:
        return f"{who}: it is running; only records of finished operations are deleted"
    if status is None or row.epoch not in _standing(history):
        return None
    if row.status is OperationStatus.SUCCESSFUL:
        return f"{who}: it made the instance what it is; it can go once a later one has succeeded"
    if status in (Status.RUNNING, Status.FAULTY):
        return None
    finish = "delete-instance" if status is Status.DELETING else "the same request"
    return f"{who}: its instance is {status}, and needs it until {finish} has finished that"


def _standing(history: Sequence[OperationRow]) -> set[int]:
    """The newest operation that succeeded, and all that held the instance after it."""
    held = [row for row in history if row.held]
    ends = [place for place, row in enumerate(held) if row.status is OperationStatus.SUCCESSFUL]
    return {row.epoch for row in (held[: ends[0] + 1] if ends else held)}


def _steps(rows: Sequence[OperationRow]) -> Iterator[PlannedStep]:
    for row in rows[:LISTED]:
        yield PlannedStep(f"operation {row.epoch}", _words(row), str(row.epoch))
    rest = rows[LISTED:]
    if rest:
        numbers = ",".join(str(row.epoch) for row in rest)
        yield PlannedStep("operations", f"forget {len(rest)} older ones as well", numbers)


def _words(row: OperationRow) -> str:
    about = f" of {row.instance_name}" if row.instance_name else ""
    started = row.started.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"forget {row.operation}{about}, started {started}, {row.status}"
