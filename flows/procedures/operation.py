"""One operation from the request to the record: everything that a flow does not have to say.

`conduct` reads the request, finds its instance, makes the plan, takes the instance, lets the
procedure carry the plan out and remembers the end, whatever it was:

1. a request that breaks a rule is refused before anything is taken; the refusal leaves a row of
   the history, a trace and a page;
2. the running operation is the lock: a second one is refused, a dead one is taken over;
3. the plan is made again once the instance is held, so it is always "what still differs";
4. a failure closes the operation and sets the status; a killed process closes nothing, and the
   next one that asks takes over where the observation says it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from flows.adapters.site import Doors, InstanceRow, Secrets, Site
from flows.adapters.stage import Stage
from flows.domain.errors import EffectFailed, Refused, ServiceError, Superseded
from flows.domain.instance import Instance, Status
from flows.domain.operations import Caller, OperationStatus
from flows.domain.plan import Plan
from flows.domain.request import Request, read_secret_reference
from flows.procedures.opening import open_site
from flows.procedures.remembering import (
    End,
    TraceNames,
    remember_acceptance,
    remember_end,
    remember_refusal,
    start_row,
)
from flows.procedures.reports import TimedStage, report_page
from flows.steps.observation import observe

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
class Operation(Generic[R, P]):
    """A request, a plan and a procedure under one stable name."""

    name: str
    title: str
    request: type[R]
    subject: Callable[[Doors, R], Subject]
    plan: Callable[[Instance, R], P]
    procedure: Callable[[Site, P], None]
    statuses: Statuses
    traces: TraceNames
    run_words: str
    give_up: Callable[[Site], Status]

    @property
    def description(self) -> str:
        """What the operation does, for people."""
        return (self.procedure.__doc__ or "").strip()

    def run_name(self, raw: Mapping[str, Any]) -> str:
        """What a run is called: `create instance demo`."""
        return self.run_words.format_map(_Readable(raw))


@dataclass(frozen=True)
class Life:
    """What an operation means for the life of its instance and for the audit.

    `subject` finds the instance a request is about; `give_up` is called when a run gave up and
    answers the status in which the instance is left.
    """

    subject: Callable[[Doors, Any], Subject]
    statuses: Statuses
    traces: TraceNames
    give_up: Callable[[Site], Status]


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
        )

    return decorate


class _Readable(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"({key} missing)"


def conduct(
    operation: Operation[R, P],
    doors: Doors,
    raw: Mapping[str, Any],
    caller: Caller,
    stage: Stage,
) -> Outcome:
    """The wish in `raw` is fulfilled, or an error says why not and in which state things are."""
    timed = TimedStage(stage, doors.clock)
    try:
        request, secrets = read(operation, doors, raw)
        subject = operation.subject(doors, request)
        plan = operation.plan(_look(doors, subject.row, caller, timed), request)
        if request.plan_only or plan.empty:
            return _only_show(operation, doors, subject, plan, (raw, caller, timed))
        site = _take(operation, doors, subject, (raw, caller, timed))
    except Refused as refused:
        remember_refusal(doors, operation.name, operation.traces, (raw, caller), refused)
        discard_references(doors.secrets, operation.request, raw)
        timed.publish("report", report_page(operation.title, "refused", str(refused), timed))
        raise
    asked = Asked(request, secrets, dict(raw))
    outcome = _carry_out(operation, site, subject.row, asked)
    discard_references(doors.secrets, operation.request, raw)
    return outcome


def discard_references(secrets: Secrets, request: type[Request], raw: Mapping[str, Any]) -> None:
    """The blocks that a door made for this request alone are gone; other people's stay."""
    for name in request.secret_fields:
        reference = read_secret_reference(raw.get(name))
        if isinstance(reference, str) and reference:
            secrets.discard(reference)


def read(
    operation: Operation[R, P], doors: Doors, raw: Mapping[str, Any]
) -> tuple[R, dict[str, str]]:
    """The request and its secrets, both checked by every rule that needs no look at the world."""
    request = operation.request.read(raw)
    given = {name: getattr(request, name) for name in request.secret_fields}
    secrets = {name: doors.secrets.resolve(ref) for name, ref in given.items() if ref}
    request.check_secrets(secrets)
    return request, secrets


@dataclass(frozen=True)
class Asked(Generic[R]):
    """A request that was admitted, with its secrets in clear and as it came in."""

    request: R
    secrets: Mapping[str, str] = field(repr=False)
    raw: Mapping[str, Any]


Context = tuple[Mapping[str, Any], Caller, TimedStage]


def _look(doors: Doors, row: InstanceRow, caller: Caller, stage: TimedStage) -> Instance:
    site = open_site(doors, row.id, epoch=0, caller=caller, stage=stage)
    return stage.step("look at the instance and its provider", lambda: observe(site, row))


def _only_show(
    operation: Operation[R, P], doors: Doors, subject: Subject, plan: P, context: Context
) -> Outcome:
    raw, caller, stage = context
    stage.publish("plan", plan.page())
    name = subject.row.wish.name
    words = "nothing to do" if plan.empty else f"plan {plan.digest} shown, nothing was changed"
    outcome = Outcome(f"{operation.title} {name}: {words}", False, _result(subject.row, plan))
    row = start_row(operation.name, subject.row, raw, caller, doors.clock.now())
    doors.records.note(
        replace(
            row,
            status=OperationStatus.SUCCESSFUL,
            finished=doors.clock.now(),
            reason=words,
            result=outcome.result,
        )
    )
    return outcome


def _take(
    operation: Operation[R, P],
    doors: Doors,
    subject: Subject,
    context: Context,
) -> Site:
    """The operation holds the instance, a new one stands in the records."""
    raw, caller, stage = context
    row = start_row(operation.name, subject.row, raw, caller, doors.clock.now())
    # Taken first: of two creations of one name the second is refused before it leaves a row.
    held = doors.records.open(row)
    if subject.is_new:
        doors.records.add(subject.row)
    return open_site(doors, subject.row.id, held.epoch, caller, stage)


def _carry_out(
    operation: Operation[R, P], site: Site, row: InstanceRow, asked: Asked[R]
) -> Outcome:
    try:
        plan = _begin(operation, site, row, asked)
        operation.procedure(site, plan)
    except Superseded:
        raise
    except Refused as refused:
        _end(operation, site, row, End(OperationStatus.REFUSED, str(refused)))
        raise
    except Exception as error:
        raise _failed(operation, site, row, error) from error
    return _succeeded(operation, site, row, plan)


def _begin(operation: Operation[R, P], site: Site, row: InstanceRow, asked: Asked[R]) -> P:
    """The plan of what still differs, now that nobody else can change the instance."""
    plan = operation.plan(observe(site, row), asked.request)
    _check_approval(asked.request, plan)
    remember_acceptance(site, operation.traces, row, asked.raw)
    site.records.set_status(row.id, operation.statuses.during)
    for name, value in asked.secrets.items():
        site.secrets.keep(row.id, name.replace("_", "-"), partial(str, value))
    site.stage.publish("plan", plan.page())
    return plan


def _succeeded(operation: Operation[R, P], site: Site, row: InstanceRow, plan: P) -> Outcome:
    site.records.set_status(row.id, operation.statuses.after)
    sentence = f"{operation.title} {row.wish.name}: done"
    result = _result(row, plan)
    _end(operation, site, row, End(OperationStatus.SUCCESSFUL, sentence, result))
    return Outcome(sentence, True, result)


def _failed(
    operation: Operation[R, P], site: Site, row: InstanceRow, error: Exception
) -> ServiceError:
    failure = error if isinstance(error, ServiceError) else _unexpected(error)
    status = operation.give_up(site)
    site.records.set_status(row.id, status, str(failure))
    _end(operation, site, row, End(OperationStatus.FAILED, str(failure)))
    return failure


def _unexpected(error: Exception) -> EffectFailed:
    return EffectFailed(f"an error that nobody expected, {type(error).__name__}: {error}")


def _end(operation: Operation[R, P], site: Site, row: InstanceRow, end: End) -> None:
    remember_end(site, operation.traces, row, end)
    page = report_page(operation.title, end.status, end.sentence, site.stage)
    site.stage.publish("report", page)


def _check_approval(request: Request, plan: Plan) -> None:
    if request.approved_plan and request.approved_plan != plan.digest:
        raise Refused(
            f'approved_plan "{request.approved_plan}": the plan is {plan.digest} now; '
            "look at it with plan_only and approve that one"
        )


def _result(row: InstanceRow, plan: Plan) -> dict[str, Any]:
    return {"instance": row.wish.name, "id": row.id, "plan": plan.digest}
