"""revoke-client-certificate: no broker lets anybody in by the certificate any more."""

from __future__ import annotations

from flows.domain.client_certificates import (
    CertificatePlan,
    RevokeClientCertificate,
    plan_revocation,
)
from flows.procedures.changing import AT_REST_OR_FAULTY, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.steps.client_certificates import revoke
from flows.steps.site import Site
from flows.steps.users import with_wish
from flows.steps.wishes import remember_wish

TRACES = TraceNames(
    accepted="revokeClientCertificateAccepted",
    refused="revokeClientCertificateFailure",
    done="revokeClientCertificateSuccess",
    failed="revokeClientCertificateFailure",
)


@operation(
    RevokeClientCertificate,
    plan=plan_revocation,
    run_name="revoke client certificates of {user} of {instance}",
    life=change_life(TRACES, begins_in=AT_REST_OR_FAULTY),
)
def revoke_client_certificate(site: Site, plan: CertificatePlan) -> None:
    """Revoke one certificate of a user, or all of them: every broker refuses their serials.

    Connections that were made with them end at their next request; those of others go on, and
    nothing is restarted. A broker that is down reads the same list when it starts. A revoked
    certificate stays revoked; the user can be issued another one. Safe to run again.
    """
    remember_wish(site, plan.wish)
    revoke(site, with_wish(plan), plan.certificates)
