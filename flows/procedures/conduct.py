"""One operation from the request to the record: everything that a flow does not have to say.

`conduct` reads the request, finds its instance, makes the plan, takes the instance, lets the
procedure carry the plan out and remembers the end, whatever it was:

1. a request that breaks a rule is refused before anything is taken; that, and a failure as early,
   leaves a row of the history, a trace and a page;
2. the running operation is the lock: a second one is refused, a dead one is taken over;
3. the plan is made again once the instance is held, so it is always "what still differs";
4. a plan that is empty closes what was cut off after its last effect;
5. a failure closes the operation and sets the status; a killed process closes nothing, and the
   next one that asks takes over where the observation says it stands; one that lives and finds
   the instance taken stops without another word on it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from flows.adapters.site import Doors, InstanceRow, Records, Site
from flows.adapters.stage import Stage
from flows.domain.errors import EffectFailed, Refused, ServiceError, Superseded
from flows.domain.instance import Instance, Status
from flows.domain.operations import Caller, Door, OperationStatus
from flows.domain.plan import Plan
from flows.domain.request import Request, named_upload
from flows.procedures.admission import CUT_OFF, check_may_begin
from flows.procedures.approval import AT_REST, Approval, check_approval
from flows.procedures.opening import open_site
from flows.procedures.operation import Offer, Operation, Outcome, Subject
from flows.procedures.references import (
    discard_all_references,
    discard_references,
    without_secrets,
)
from flows.procedures.remembering import (
    End,
    remember_acceptance,
    remember_end,
    remember_turned_away,
    start_row,
)
from flows.procedures.reports import TimedStage, report_page
from flows.procedures.wording import in_our_words
from flows.steps.dnat import with_edge
from flows.steps.drift import with_seen_ways
from flows.steps.observation import observe, with_clients, with_groups
from flows.steps.uploads import with_upload, with_way_back

R = TypeVar("R", bound=Request)
P = TypeVar("P", bound=Plan)


@dataclass(frozen=True)
class Held(Generic[R]):
    """An instance in the hands of one operation: the request as it was admitted and as it came.

    `secrets` are the request's, in clear.
    """

    site: Site
    subject: Subject
    request: R
    secrets: Mapping[str, str] = field(repr=False)
    raw: Mapping[str, Any]


Context = tuple[Mapping[str, Any], Caller, TimedStage]


def conduct(
    operation: Operation[R, P],
    doors: Doors,
    raw: Mapping[str, Any],
    caller: Caller,
    stage: Stage,
) -> Outcome:
    """The wish in `raw` is fulfilled, or an error says why not and in which state things are."""
    context = (raw, caller, TimedStage(stage, doors.clock))
    try:
        with in_our_words():
            admitted = _admit(operation, doors, context)
    except ServiceError as error:
        turn_away(operation, doors, context, error)
        raise
    if isinstance(admitted, Held):
        return _carry_out(operation, admitted)
    discard_references(doors.secrets, operation.request, raw)
    return admitted


def _admit(operation: Operation[R, P], doors: Doors, context: Context) -> Outcome | Held[R]:
    """The instance is held for the request; or it was only looked at, and nothing is to do."""
    raw, caller, stage = context
    request, secrets = read(operation, doors, raw)
    request = request.scheduled() if caller.door is Door.SCHEDULE else request
    subject = operation.subject(doors, request)
    _check_may_begin(operation, doors.records, subject.row, request)
    site = open_site(doors, subject.row, epoch=0, caller=caller, stage=stage)
    plan = operation.plan(_look(site, subject.row, (request, secrets)), request)
    if request.plan_only or (plan.empty and subject.row.status not in CUT_OFF):
        return _only_show(operation, doors, subject, plan, context)
    check_approval(doors.records, subject.row, _approval(operation, request), plan)
    row = start_row(operation.name, subject.row, raw, caller, doors.clock.now())
    epoch = doors.records.open(row).epoch
    site = open_site(doors, subject.row, epoch, caller, stage)
    return Held(site, subject, request, secrets, dict(raw))


def turn_away(operation: Offer[R], doors: Doors, context: Context, error: ServiceError) -> None:
    """A request that never held its instance stands in history and audit, with a page."""
    raw, caller, stage = context
    shown = without_secrets(operation.request, raw)
    row = remember_turned_away(doors, operation.name, operation.traces, (shown, caller), error)
    stage.publish("report", report_page(operation.title, row.status, str(error), stage))
    if row.status is OperationStatus.REFUSED or doors.records.find(row.instance_name) is None:
        discard_references(doors.secrets, operation.request, raw)


def read(operation: Offer[R], doors: Doors, raw: Mapping[str, Any]) -> tuple[R, dict[str, str]]:
    """The request and its secrets, both checked by every rule that needs no look at the world."""
    request = operation.request.read(raw)
    given = {name: getattr(request, name) for name in request.secret_fields}
    secrets = {name: _resolved(request, doors, name, ref) for name, ref in given.items() if ref}
    request.check_secrets(secrets)
    return request, secrets


def _resolved(request: Request, doors: Doors, name: str, reference: str) -> str:
    """The secret; of a file its content in base64, wherever it came from."""
    upload = named_upload(reference) if name in request.upload_fields else None
    if upload is None:
        return doors.secrets.resolve(reference)
    return b64encode(doors.uploads.read(name, upload)).decode("ascii")


Asked = tuple[Request, Mapping[str, str]]
"""A request and its secrets, in clear."""


def _look(site: Site, row: InstanceRow, asked: Asked) -> Instance:
    words = "look at the instance and its provider"
    return site.stage.step(words, lambda: _seen(site, row, asked))


def _seen(site: Site, row: InstanceRow, asked: Asked) -> Instance:
    request, secrets = asked
    instance = observe(site, row)
    if request.upload_fields:
        instance = with_upload(site, instance, secrets)
    if request.goes_back:
        instance = with_way_back(site, instance)
    if request.translated is not None:
        instance = with_edge(site, instance, request.translated)
    if request.looks_at_ways:
        instance = with_seen_ways(site, instance)
    if request.names_clients:
        instance = with_clients(site, instance)
    return with_groups(site, instance) if request.rolls else instance


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


def _carry_out(operation: Operation[R, P], held: Held[R]) -> Outcome:
    try:
        with in_our_words(held.site):
            plan = _begin(operation, held)
            if not plan.empty:
                operation.procedure(held.site, plan)
    except Superseded as lost:
        _report(operation, held, End(OperationStatus.INTERRUPTED, str(lost)))
        raise
    except Refused as refused:
        _stand_back(operation, held, refused)
        _end(operation, held, End(OperationStatus.REFUSED, str(refused)))
        discard_references(held.site.secrets, operation.request, held.raw)
        raise
    except ServiceError as failure:
        _leave(operation, held, failure)
        _end(operation, held, End(OperationStatus.FAILED, str(failure), held.site.findings.data))
        raise
    return _succeeded(operation, held, plan)


def _begin(operation: Operation[R, P], held: Held[R]) -> P:
    """The plan of what still differs, now that nobody else can change the instance."""
    site, request = held.site, held.request
    row = _row_as_held(held)
    _check_may_begin(operation, site.records, row, request)
    plan = operation.plan(_seen(site, row, (request, held.secrets)), request)
    if plan.empty:
        return plan
    check_approval(site.records, row, _approval(operation, request), plan)
    remember_acceptance(site, operation.traces, row, held.raw)
    site.records.set_status(row.id, operation.statuses.during, epoch=site.epoch)
    for name, value in held.secrets.items():
        if name in request.observed_secrets:
            continue
        site.secrets.keep(row.id, name.replace("_", "-"), partial(str, value))
    site.stage.publish("plan", plan.page())
    return plan


def _check_may_begin(
    operation: Operation[R, P], records: Records, row: InstanceRow, request: R
) -> None:
    check_may_begin(records, row, (operation.name, request), operation.begins_in)


def _row_as_held(held: Held[R]) -> InstanceRow:
    """A new instance stands in the records; another is as the one who held it before left it."""
    records, row = held.site.records, held.subject.row
    if held.subject.is_new:
        # Only now: of two creations of one name the second is refused before it leaves a row.
        records.add(row)
        return row
    found = records.find(row.id) or records.find_deleted(row.id)
    if found is None:
        raise EffectFailed(f"instance {row.wish.name} is not in the records any more")
    return found


def _succeeded(operation: Operation[R, P], held: Held[R], plan: P) -> Outcome:
    row = held.subject.row
    if not plan.empty or _status(held) in CUT_OFF:
        _set_status(held, operation.statuses.after)
    words = "nothing to do" if plan.empty else "done"
    sentence = f"{operation.title} {row.wish.name}: {words}"
    result = {**_result(row, plan), **held.site.findings.data}
    _end(operation, held, End(OperationStatus.SUCCESSFUL, sentence, result))
    _discard_all(held)
    return Outcome(sentence, not plan.empty, result)


def _stand_back(operation: Operation[R, P], held: Held[R], refused: Refused) -> None:
    """What is refused has changed nothing: an instance that was at rest still is."""
    before = held.subject.row
    if held.subject.is_new:
        _leave(operation, held, refused)
    elif before.status in AT_REST and _status(held) is operation.statuses.during:
        _set_status(held, before.status, before.reason)


def _leave(operation: Operation[R, P], held: Held[R], error: ServiceError) -> None:
    """The instance, if it ever came to be, has the status in which it is given up."""
    present = _status(held)
    if present is None:
        _discard_all(held)
        return
    left = operation.give_up(held.site)
    if left is not present or left not in AT_REST:
        _set_status(held, left, str(error))


def _status(held: Held[R]) -> Status | None:
    row = held.site.records.find(held.site.instance_id)
    return row.status if row else None


def _set_status(held: Held[R], status: Status, reason: str = "") -> None:
    if status is Status.DELETED:
        # First: nobody comes back to an instance that is deleted.
        _discard_all(held)
    held.site.records.set_status(held.site.instance_id, status, reason, held.site.epoch)


def _discard_all(held: Held[R]) -> None:
    discard_all_references(held.site, held.subject.row.wish.name)


def _end(operation: Operation[R, P], held: Held[R], end: End) -> None:
    remember_end(held.site, operation.traces, held.subject.row, end)
    _report(operation, held, end)


def _report(operation: Operation[R, P], held: Held[R], end: End) -> None:
    stage, sections = held.site.stage, held.site.findings.sections
    page = report_page(operation.title, end.status, end.sentence, stage, sections)
    stage.publish("report", page)


def _approval(operation: Operation[R, P], request: R) -> Approval:
    return Approval(operation.name, request.approved_plan)


def _result(row: InstanceRow, plan: Plan) -> dict[str, Any]:
    return {"instance": row.wish.name, "id": row.id, "plan": plan.digest}
