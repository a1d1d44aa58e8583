"""replace-certificates: other certificates for clients, or another authority, without restart."""

from __future__ import annotations

from dataclasses import replace

from flows.domain.certificate_replacement import (
    CertificatePlan,
    ReplaceCertificates,
    dated,
)
from flows.domain.certificate_uploads import plan_certificates
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.recertify import drop_old_authority, recertify
from flows.procedures.remembering import TraceNames
from flows.procedures.reroll import recertify_by_roll
from flows.steps.certificates import forget_superseded
from flows.steps.site import Site
from flows.steps.uploads import keep_upload

# The guide replaces certificates in its console only and has no names for it.
TRACES = TraceNames(
    accepted="replaceDMSInstanceCertificatesSuccess",
    refused="replaceDMSInstanceCertificatesFailure",
    done="replaceDMSInstanceCertificatesTaskSuccess",
    failed="replaceDMSInstanceCertificatesTaskFailure",
)


@operation(
    ReplaceCertificates,
    plan=plan_certificates,
    run_name="replace certificates of {instance}",
    life=change_life(TRACES),
)
def replace_certificates(site: Site, plan: CertificatePlan) -> None:
    """Replace the certificates that clients see: new keys, a new authority, or your own upload.

    No broker restarts and no connection is cut, but for a certificate of another subject, as your
    first own one is: then one broker after the other restarts. Each broker is told its new store,
    must be seen to serve it, and has it in its file only then; one that does not serve it gets its
    old one back, and no other is touched. A new authority is signed by the old one as well, so
    that clients which trust only the old one, and those which trust only the new one, both connect
    until the overlap is over. Each request is a replacement; one that was cut off is finished by
    the next. An upload that is served already is not served anew.
    """
    overlapping = replace(plan.instance, wish=dated(plan, site.clock.now()))
    if plan.begins:
        # What a run made that was cut off before it was wished: nobody was ever told of it.
        forget_superseded(site, plan.as_wished, plan.as_settled)
    if plan.upload is not None:
        keep_upload(site, plan.wish.client_facing.authority, plan.upload)
    if plan.rolls and not plan.dropping:
        recertify_by_roll(site, plan, overlapping)
    elif not plan.dropping:
        recertify(site, overlapping, plan.as_settled)
    if plan.drops_after:
        dropped = plan.without_old_authority
        drop_old_authority(site, dropped, overlapping)
        forget_superseded(site, plan.as_settled, dropped)
    else:
        forget_superseded(site, plan.as_settled, overlapping)
