"""One operation as it is remembered (SPEC 1.8) and the trace it leaves (SPEC 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class OperationStatus(StrEnum):
    """How an operation stands; `interrupted` is a running one without a living process."""

    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"


class Door(StrEnum):
    """How somebody came in."""

    UI = "ui"
    CLI = "cli"
    SCHEDULE = "schedule"
    CHAT = "chat"
    PYTHON = "python"


@dataclass(frozen=True)
class Run:
    """The process that carries an operation out; enough to tell whether it still lives."""

    id: str
    link: str
    boot: str
    pid: int
    started_ticks: int


@dataclass(frozen=True)
class Caller:
    """Who asked, through which door, carried out by which run."""

    asked_by: str
    door: Door
    run: Run


@dataclass(frozen=True)
class OperationRow:
    """One line of the history. `epoch` only rises; hosts refuse a lower one.

    `held` tells an operation that took its instance from a plan or a refused request.
    """

    epoch: int
    operation: str
    instance_id: str | None
    instance_name: str
    status: OperationStatus
    caller: Caller
    request: Mapping[str, Any]
    started: datetime
    finished: datetime | None = None
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    held: bool = False


def is_failed_creation(row: OperationRow) -> bool:
    """Whether the row belongs to the list of failed creations (SPEC 1.1)."""
    return row.operation == "create-instance" and row.status is OperationStatus.FAILED


class Rating(StrEnum):
    """The weight of a trace."""

    NORMAL = "normal"
    WARNING = "warning"
    INCIDENT = "incident"


@dataclass(frozen=True)
class Trace:
    """One line of the audit; `name` is the guide's (section 16.1).

    `number` and `time` are given by the records; they do not make two lines different.
    """

    name: str
    who: str
    door: str
    resource: str
    parameters: Mapping[str, Any]
    result: str
    rating: Rating = Rating.NORMAL
    number: int = field(default=0, compare=False)
    time: datetime | None = field(default=None, compare=False)
