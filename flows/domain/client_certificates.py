"""issue-client-certificate, revoke-client-certificate: the requests, and the plans of them.

Certificates are part of the wish, by their numbers; serials and keys are made by the operation and
kept as secrets. A revoked certificate stays in the wish, so whoever makes or replaces a broker
delivers the same list of refused serials.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import Field, field_validator

from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance
from flows.domain.plan import Plan, PlannedStep
from flows.domain.users import REVOKED_WORDS, UserRequest, held_by, revoking, settled
from flows.domain.wish import ClientCertificate, Wish

MOST_CERTIFICATES = 500
"""Certificates of one instance that are not revoked."""
DAYS, MOST_DAYS = 365, 1_825


class IssueClientCertificate(UserRequest):
    """Let a client come in by a certificate, as the user that it names."""

    user: str = Field(
        title="User",
        description="Common name of the certificate, and the user that permissions see: 4 to 64 "
        "letters, digits, - and _, the first one a letter. It needs no password of its own.",
    )
    days: int = Field(
        default=DAYS,
        title="Days",
        description=f"How long it holds: 1 to {MOST_DAYS:,} days.",
    )
    another: bool = Field(
        default=False,
        title="Another one",
        description="Issue one more beside those that the user has, as before the last one ends.",
    )

    @field_validator("days")
    @classmethod
    def _days(cls, days: int) -> int:
        if not 1 <= days <= MOST_DAYS:
            raise refusal("days", days, f"1 to {MOST_DAYS} days are accepted")
        return days


class RevokeClientCertificate(UserRequest):
    """Let nobody in by a certificate any more."""

    user: str = Field(
        title="User", description="The user whose certificates are revoked (their common name)."
    )
    number: int | None = Field(
        default=None,
        title="Number",
        description="Number of the only certificate to revoke, as the list shows it. Empty: all "
        "certificates of the user.",
    )

    @field_validator("number", mode="before")
    @classmethod
    def _empty_is_all(cls, value: object) -> object:
        return None if value == "" else value


@dataclass(frozen=True)
class CertificatePlan(Plan):
    """The wish that the instance shall have, and its certificates that are new, or revoked."""

    instance: Instance = field(kw_only=True)
    wish: Wish = field(kw_only=True)
    certificates: tuple[ClientCertificate, ...] = field(default=(), kw_only=True)


def plan_issue(instance: Instance, request: IssueClientCertificate) -> CertificatePlan:
    """One more certificate; nothing when the user has one that holds, and asks for no other."""
    _check_secured(instance)
    present = settled(instance)
    title = f"Issue a client certificate for {request.user} of {instance.name}"
    if held_by(present, request.user) and not request.another:
        return CertificatePlan(title, instance=instance, wish=present)
    _check_own_authority(present)
    _check_room(present)
    new = ClientCertificate(user=request.user, number=_next_number(present), days=request.days)
    words = f"issue it to {new.user}, for {new.days} days"
    step = PlannedStep(_subject(new), words, f"{new.user} {new.days}")
    wish = _with_certificates(present, (*present.client_certificates, new))
    told = () if present.mutual_tls else (_NOT_ASKED_FOR,)
    return CertificatePlan(title, (step,), told, instance=instance, wish=wish, certificates=(new,))


def plan_revocation(instance: Instance, request: RevokeClientCertificate) -> CertificatePlan:
    """The certificates that brokers are still to refuse; nothing when they refuse all of them."""
    _check_secured(instance)
    present = settled(instance)
    meant = _meant(present, request)
    title = f"Revoke client certificates of {request.user} of {instance.name}"
    due = tuple(each for each in meant if not each.revoked)
    if not due:
        return CertificatePlan(title, instance=instance, wish=present)
    _check_every_host(instance)
    return CertificatePlan(
        title,
        tuple(PlannedStep(_subject(each), REVOKED_WORDS, "revoked") for each in due),
        instance=instance,
        wish=revoking(present, due),
        certificates=due,
    )


_NOT_ASKED_FOR = (
    "clients show certificates once mutual TLS is on (set-mutual-tls); until then they log in with "
    "a password"
)


def _meant(wish: Wish, request: RevokeClientCertificate) -> list[ClientCertificate]:
    own = [each for each in wish.client_certificates if each.user == request.user]
    if not own:
        known = ", ".join(sorted({each.user for each in wish.client_certificates})) or "nobody yet"
        rule = f"{wish.name} issued no certificate to this user; it issued some to {known}"
        raise refusal("user", request.user, rule)
    if request.number is None:
        return own
    found = [each for each in own if each.number == request.number]
    if not found:
        known = ", ".join(str(each.number) for each in own)
        raise refusal("number", request.number, f"certificates of {request.user} are {known}")
    return found


def _check_secured(instance: Instance) -> None:
    if not instance.wish.sasl_ssl:
        rule = "it has no certificates for clients, because SASL_SSL is off; that is fixed"
        raise refusal("instance", instance.name, rule)


def _check_own_authority(wish: Wish) -> None:
    if wish.client_facing.authority in wish.client_facing.uploaded:
        raise Refused(
            f'instance "{wish.name}": the authority that clients trust is a user\'s own and its '
            "key is not here; whoever has it issues certificates for clients"
        )


def _check_room(wish: Wish) -> None:
    holding = sum(not each.revoked for each in wish.client_certificates)
    if holding >= MOST_CERTIFICATES:
        raise Refused(
            f'instance "{wish.name}": {holding} client certificates are not revoked, '
            f"{MOST_CERTIFICATES} are accepted; revoke some that are not needed any more"
        )


def _check_every_host(instance: Instance) -> None:
    """A machine that is away would come back with the list of yesterday."""
    silent = ", ".join(str(broker.id) for broker in instance.brokers if broker.host is None)
    if silent:
        raise Refused(
            f'instance "{instance.name}": the machine of broker {silent} does not answer; '
            "certificates are revoked on every broker or on none, so bring it back, or replace it"
        )


def _next_number(wish: Wish) -> int:
    return 1 + max((each.number for each in wish.client_certificates), default=0)


def _with_certificates(wish: Wish, certificates: Iterable[ClientCertificate]) -> Wish:
    return wish.model_copy(update={"client_certificates": tuple(certificates)})


def _subject(certificate: ClientCertificate) -> str:
    return f"certificate {certificate.number}"
