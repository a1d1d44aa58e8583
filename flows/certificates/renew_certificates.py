"""renew-certificates: over all instances, whatever ends soon; one instance after the other."""

from __future__ import annotations

from typing import Any

from flows.certificates.replace_certificates import replace_certificates
from flows.certificates.rotate_internal_authority import rotate_internal_authority
from flows.domain.certificate_renewal import (
    DueRenewal,
    RenewalPlan,
    RenewCertificates,
    due_renewals,
    left_to_owners,
    plan_renewal,
)
from flows.domain.errors import EffectFailed, ServiceError, Superseded, refusal
from flows.domain.health import SWEPT
from flows.procedures.conduct import conduct
from flows.procedures.operation import Operation, Outcome
from flows.procedures.remembering import TraceNames
from flows.procedures.service import service_operation
from flows.steps.expiry import look_at_certificates
from flows.steps.observation import remembered
from flows.steps.site import Doors, InstanceRow, Service

# The guide renews nothing by itself and has no names for it.
TRACES = TraceNames(
    accepted="renewDMSInstanceCertificatesSuccess",
    refused="renewDMSInstanceCertificatesFailure",
    done="renewDMSInstanceCertificatesTaskSuccess",
    failed="renewDMSInstanceCertificatesTaskFailure",
)

_BY_NAME: dict[str, Operation[Any, Any]] = {
    each.name: each for each in (replace_certificates, rotate_internal_authority)
}


def plan(doors: Doors, request: RenewCertificates) -> RenewalPlan:
    """What ends soon, as it is served now, of the instances that are meant and at rest."""
    now = doors.clock.now()
    due: list[DueRenewal] = []
    warnings: list[str] = []
    for row in _meant(doors, request):
        name = row.wish.name
        if row.status not in SWEPT:
            warnings.append(f"{name}: it is {row.status}, so nothing of it is renewed")
            continue
        seen = look_at_certificates(doors, remembered(doors, row))
        due += due_renewals(name, seen, request.within_days, now)
        theirs = left_to_owners(seen, request.within_days, now)
        warnings += [f"{name}: {each}" for each in theirs]
        warnings += [f"{name}: {each.name}: {each.silence}" for each in seen if each.silence]
    return plan_renewal(due, warnings)


@service_operation(RenewCertificates, plan=plan, run_name="renew certificates", traces=TRACES)
def renew_certificates(service: Service, plan: RenewalPlan) -> Outcome:
    """Renew what ends soon on all instances, one after the other, without a restart of brokers.

    Client-facing certificates are replaced; with an authority that ends, a new one takes over and
    the old one may be trusted for the overlap. Brokers' and the product's own are renewed with
    their authority. What is a user's own, or a client's, is named and left. One instance that fails
    does not keep the others from being renewed. Safe to run again.
    """
    failed = [words for each in plan.due if (words := _renewed(service, each))]
    if failed:
        raise EffectFailed("; ".join(failed))
    done = [f"{each.instance} ({each.operation})" for each in plan.due]
    return Outcome(f"Renewed: {', '.join(done)}", changed=True, result={"renewed": done})


def _renewed(service: Service, due: DueRenewal) -> str:
    """Why it was not renewed; nothing when it was."""
    operation = _BY_NAME[due.operation]
    try:
        conduct(operation, service.doors, due.request, service.caller, service.stage)
    except Superseded:
        raise
    except ServiceError as failure:
        return f"{due.instance}: {failure}"
    return ""


def _meant(doors: Doors, request: RenewCertificates) -> list[InstanceRow]:
    living = doors.records.living()
    for name in request.instances:
        if not any(name in (row.id, row.wish.name) for row in living):
            known = ", ".join(row.wish.name for row in living) or "none"
            raise refusal("instances", name, f"there is no such instance; living are {known}")
    return [
        row
        for row in living
        if (not request.instances or {row.id, row.wish.name} & set(request.instances))
        and (row.wish.renew_automatically or not request.automatic_only)
    ]
