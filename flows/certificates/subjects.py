"""Which instance a request for a certificate is about, and what its authority cannot do."""

from __future__ import annotations

from flows.domain.certificate_replacement import FinishCertificateOverlap, check_is_due
from flows.domain.client_certificates import IssueClientCertificate
from flows.domain.errors import refusal
from flows.procedures.operation import Subject
from flows.procedures.subjects import living
from flows.steps.certificates import authority_end
from flows.steps.site import Doors


def that_can_issue(doors: Doors, request: IssueClientCertificate) -> Subject:
    """The living instance, if its authority for clients holds as long as the certificate shall."""
    subject = living(doors, request)
    end = authority_end(doors.secrets, subject.row.id, subject.row.wish, "clients")
    left = (end - doors.clock.now()).days if end else None
    if left is not None and request.days > left:
        rule = (
            f"the authority that signs it holds for {left} more days, so at most that is accepted"
        )
        raise refusal("days", request.days, rule)
    return subject


def with_overlap_due(doors: Doors, request: FinishCertificateOverlap) -> Subject:
    """The living instance, if the date has come that its clients were promised, or is waived."""
    subject = living(doors, request)
    check_is_due(subject.row.wish, request, doors.clock.now())
    return subject
