"""An operation on the service as a whole: its request, plan and procedure, and how it is served.

It is about no single instance, so it holds none and keeps nobody away; all else is as with other
operations: a plan that can be shown and approved, a row of the history, traces and a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from flows.adapters.site import Doors, Service
from flows.adapters.stage import Stage
from flows.domain.errors import Refused, ServiceError
from flows.domain.operations import Caller, OperationRow, OperationStatus, Trace
from flows.domain.plan import Plan
from flows.domain.request import Request
from flows.procedures.approval import not_approved
from flows.procedures.conduct import Context, read, turn_away
from flows.procedures.operation import Offer, Outcome
from flows.procedures.references import discard_references
from flows.procedures.remembering import End, TraceNames, trace_of_end
from flows.procedures.reports import TimedStage, report_page
from flows.procedures.wording import in_our_words

R = TypeVar("R", bound=Request)
P = TypeVar("P", bound=Plan)
Procedure = Callable[[Service, P], Outcome]

SERVICE = "service"
"""What the audit calls the resource of these operations."""


@dataclass(frozen=True)
class ServiceOperation(Offer[R], Generic[R, P]):
    """A request, a plan and a procedure under one stable name, for the service as a whole."""

    plan: Callable[[Doors, R], P]


def service_operation(
    request: type[R], *, plan: Callable[[Doors, R], P], run_name: str, traces: TraceNames
) -> Callable[[Procedure[P]], ServiceOperation[R, P]]:
    """Makes a procedure an operation on the service, under the name of its function."""

    def decorate(procedure: Procedure[P]) -> ServiceOperation[R, P]:
        name = procedure.__name__.replace("_", "-")
        return ServiceOperation(
            name=name,
            title=name.replace("-", " ").capitalize(),
            request=request,
            procedure=procedure,
            traces=traces,
            run_words=run_name,
            plan=plan,
        )

    return decorate


def serve(
    operation: ServiceOperation[R, P],
    doors: Doors,
    raw: Mapping[str, Any],
    caller: Caller,
    stage: Stage,
) -> Outcome:
    """What `raw` asks for is done, or an error says why not; either is remembered."""
    context = (raw, caller, TimedStage(stage, doors.clock))
    try:
        with in_our_words():
            request, secrets = read(operation, doors, raw)
            plan = operation.plan(doors, request)
            _check_approved(request, plan)
    except ServiceError as error:
        turn_away(operation, doors, context, error)
        raise
    if request.plan_only or plan.empty:
        outcome = _only_show(operation, doors, plan, context)
    else:
        outcome = _carry_out(operation, _begin(operation, doors, context, secrets), plan, raw)
    discard_references(doors.secrets, operation.request, raw)
    return outcome


def _check_approved(request: Request, plan: Plan) -> None:
    if not request.plan_only and request.approved_plan not in ("", plan.digest):
        raise not_approved(request.approved_plan, plan)


def _only_show(
    operation: ServiceOperation[R, P], doors: Doors, plan: P, context: Context
) -> Outcome:
    raw, caller, stage = context
    stage.publish("plan", plan.page())
    words = _nothing(plan) if plan.empty else f"plan {plan.digest} shown, nothing was changed"
    result = {"plan": plan.digest}
    row = replace(_row(operation, doors, raw, caller), status=OperationStatus.SUCCESSFUL)
    doors.records.note(replace(row, finished=row.started, reason=words, result=result))
    return Outcome(f"{operation.title}: {words}", changed=False, result=result)


def _nothing(plan: Plan) -> str:
    return "; ".join(["nothing to do", *plan.warnings])


def _begin(
    operation: ServiceOperation[R, P], doors: Doors, context: Context, secrets: Mapping[str, str]
) -> Service:
    raw, caller, stage = context
    epoch = doors.records.note(_row(operation, doors, raw, caller)).epoch
    accepted = f"accepted as operation {epoch}"
    doors.records.trace(
        Trace(operation.traces.accepted, caller.asked_by, caller.door, SERVICE, raw, accepted)
    )
    return Service(doors, epoch, caller, stage, secrets)


def _carry_out(
    operation: ServiceOperation[R, P], service: Service, plan: P, raw: Mapping[str, Any]
) -> Outcome:
    service.stage.publish("plan", plan.page())
    try:
        with in_our_words():
            outcome: Outcome = operation.procedure(service, plan)
    except ServiceError as error:
        refused = isinstance(error, Refused)
        status = OperationStatus.REFUSED if refused else OperationStatus.FAILED
        _end(operation, service, raw, End(status, str(error)))
        raise
    result = {**outcome.result, "plan": plan.digest}
    _end(operation, service, raw, End(OperationStatus.SUCCESSFUL, outcome.sentence, result))
    return replace(outcome, result=result)


def _end(
    operation: ServiceOperation[R, P], service: Service, raw: Mapping[str, Any], end: End
) -> None:
    records, stage = service.doors.records, service.stage
    records.trace(trace_of_end(operation.traces, service.caller, (SERVICE, raw), end))
    records.close(service.epoch, end.status, end.sentence, end.result)
    stage.publish("report", report_page(operation.title, end.status, end.sentence, stage))


def _row(
    operation: ServiceOperation[R, P], doors: Doors, raw: Mapping[str, Any], caller: Caller
) -> OperationRow:
    return OperationRow(
        epoch=0,
        operation=operation.name,
        instance_id=None,
        instance_name="",
        status=OperationStatus.RUNNING,
        caller=caller,
        request=dict(raw),
        started=doors.clock.now(),
    )
