"""issue-client-certificate: a certificate by which a client comes in as the user that it names."""

from __future__ import annotations

from flows.certificates.subjects import that_can_issue
from flows.domain.client_certificates import CertificatePlan, IssueClientCertificate, plan_issue
from flows.procedures.changing import AT_REST_OR_FAULTY, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.steps.client_certificates import issue_to_client
from flows.steps.site import Site
from flows.steps.users import with_wish
from flows.steps.wishes import remember_wish

# The guide leaves issuing to its users, so it has no names for it.
TRACES = TraceNames(
    accepted="issueClientCertificateAccepted",
    refused="issueClientCertificateFailure",
    done="issueClientCertificateSuccess",
    failed="issueClientCertificateFailure",
)


@operation(
    IssueClientCertificate,
    plan=plan_issue,
    run_name="issue client certificate for {user} of {instance}",
    life=change_life(TRACES, begins_in=AT_REST_OR_FAULTY, subject=that_can_issue),
)
def issue_client_certificate(site: Site, plan: CertificatePlan) -> None:
    """Issue a certificate for a client, by the authority that the instance's brokers trust.

    It lets its user in once mutual TLS is on, and no broker is touched for it. `fleet
    client-certificate` hands it out with its key, once. Safe to run again: a user who has a
    certificate gets no other one unless it is asked for.
    """
    remember_wish(site, plan.wish)
    for certificate in plan.certificates:
        issue_to_client(site, with_wish(plan), certificate)
