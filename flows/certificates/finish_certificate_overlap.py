"""finish-certificate-overlap: the old authority is dropped, once clients trust the new one."""

from __future__ import annotations

from dataclasses import replace

from flows.certificates.subjects import with_overlap_due
from flows.domain.certificate_replacement import (
    CertificatePlan,
    FinishCertificateOverlap,
    plan_finish,
)
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.recertify import drop_old_authority
from flows.procedures.remembering import TraceNames
from flows.steps.site import Site

# The guide knows no overlap of authorities.
TRACES = TraceNames(
    accepted="finishDMSInstanceCertificateOverlapSuccess",
    refused="finishDMSInstanceCertificateOverlapFailure",
    done="finishDMSInstanceCertificateOverlapTaskSuccess",
    failed="finishDMSInstanceCertificateOverlapTaskFailure",
)


@operation(
    FinishCertificateOverlap,
    plan=plan_finish,
    run_name="finish certificate overlap of {instance}",
    life=replace(change_life(TRACES), subject=with_overlap_due),
)
def finish_certificate_overlap(site: Site, plan: CertificatePlan) -> None:
    """Finish the overlap of two authorities: brokers stop sending the cross certificate.

    Clients that trust only the old authority are refused from their next connection on; open ones
    live on. Refused before the date that clients were promised, unless that is asked for. Safe to
    run again: without an overlap there is nothing to do.
    """
    drop_old_authority(site, plan.as_wished, plan.as_settled)
