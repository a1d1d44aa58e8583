"""What an operation is: a request, a plan and a procedure under one stable name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flows.adapters.site import Doors, InstanceRow, Site
from flows.domain.instance import Instance, Status
from flows.domain.plan import Plan
from flows.domain.request import Request
from flows.procedures.remembering import TraceNames

R = TypeVar("R", bound=Request)
P = TypeVar("P", bound=Plan)


@dataclass(frozen=True)
class Subject:
    """The instance that a request is about; a new one is not in the records yet."""

    row: InstanceRow
    is_new: bool = False


@dataclass(frozen=True)
class Statuses:
    """The status of the instance while the operation runs and once it succeeded."""

    during: Status
    after: Status


@dataclass(frozen=True)
class Outcome:
    """How an operation ended well: what changed, in one sentence and as data."""

    sentence: str
    changed: bool
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer(Generic[R]):
    """What doors know of an operation: its names, its form, and the words about its runs.

    `procedure` carries a plan out; whoever makes an offer has checked that the two fit.
    """

    name: str
    title: str
    request: type[R]
    procedure: Callable[..., Any]
    traces: TraceNames
    run_words: str

    @property
    def description(self) -> str:
        """What the operation does, for people."""
        return (self.procedure.__doc__ or "").strip()

    def run_name(self, raw: Mapping[str, Any]) -> str:
        """What a run is called: `create instance demo`."""
        return self.run_words.format_map(_Readable(raw))


@dataclass(frozen=True)
class Operation(Offer[R], Generic[R, P]):
    """A request, a plan and a procedure under one stable name, for one instance."""

    subject: Callable[[Doors, R], Subject]
    plan: Callable[[Instance, R], P]
    statuses: Statuses
    give_up: Callable[[Site], Status]
    begins_in: frozenset[Status] | None = None


@dataclass(frozen=True)
class Life:
    """What an operation means for the life of its instance and for the audit.

    `subject` finds the instance a request is about; `give_up` is called when a run gave up and
    answers the status in which the instance is left. `begins_in` names the statuses from which
    it can begin anew; None leaves that to its plan.
    """

    subject: Callable[[Doors, Any], Subject]
    statuses: Statuses
    traces: TraceNames
    give_up: Callable[[Site], Status]
    begins_in: frozenset[Status] | None = None


def operation(
    request: type[R], *, plan: Callable[[Instance, R], P], run_name: str, life: Life
) -> Callable[[Callable[[Site, P], None]], Operation[R, P]]:
    """Makes a procedure an operation under the name of its function, in kebab case."""

    def decorate(procedure: Callable[[Site, P], None]) -> Operation[R, P]:
        name = procedure.__name__.replace("_", "-")
        return Operation(
            name=name,
            title=name.replace("-", " ").capitalize(),
            request=request,
            subject=life.subject,
            plan=plan,
            procedure=procedure,
            statuses=life.statuses,
            traces=life.traces,
            run_words=run_name,
            give_up=life.give_up,
            begins_in=life.begins_in,
        )

    return decorate


class _Readable(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"({key} missing)"
