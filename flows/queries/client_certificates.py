"""`fleet client-certificates` and `client-certificate`: who holds one, and its one handing-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from certs.bundle import certificate_bundle
from certs.client_settings import MutualTls
from flows.adapters.records.picture import picture
from flows.adapters.secrets.client_certificates import (
    IssuedCertificate,
    drop_leaf,
    issued_certificates,
    waiting_leaf,
)
from flows.adapters.secrets.kept import trusted_authorities
from flows.adapters.site import Doors, InstanceRow
from flows.domain.errors import Refused, refusal
from flows.domain.operations import Door, Trace
from flows.domain.wish import ClientCertificate
from flows.queries.bundle import bundle_request
from flows.queries.lookup import living

PASSWORD_CHARACTERS = 24


class CertificateLine(TypedDict):
    """One certificate; `state` is waiting, handed out, revoked or expired."""

    number: int
    user: str
    serial: str
    state: str
    begins: str
    expires: str


@dataclass(frozen=True)
class Asked:
    """Which certificate is to be handed out; number 0 is the only one that waits."""

    user: str
    number: int = 0


def client_certificates(doors: Doors, name: str) -> tuple[CertificateLine, ...]:
    """Every certificate that a living instance has issued; Refused without SASL_SSL."""
    row = _secured(living(doors.records, name))
    now = doors.clock.now()
    return tuple(
        CertificateLine(
            number=each.number,
            user=each.user,
            serial=each.serial,
            state=_state(each, now),
            begins=each.begins.isoformat(),
            expires=each.expires.isoformat(),
        )
        for each in issued_certificates(doors.secrets, row.id, row.wish)
    )


def hand_out(
    doors: Doors,
    name: str,
    asked: Asked,
    asker: tuple[str, Door],
    write: Callable[[Mapping[str, bytes]], None],
) -> ClientCertificate:
    """The bundle of a certificate that waits was written, once: its key is not here any more.

    A trace says who got it. Refused when none waits.
    """
    row = _secured(living(doors.records, name))
    certificate = _waiting(doors, row, asked)
    leaf = waiting_leaf(doors.secrets, row.id, certificate)
    assert leaf is not None, "it waits"
    instance = picture(row, doors.records.machines(row.id))
    authorities = trusted_authorities(doors.secrets, instance, "clients")
    security = MutualTls(authorities, doors.clock.token(PASSWORD_CHARACTERS))
    write(certificate_bundle(bundle_request(doors.records, instance, security), leaf))
    _trace(doors, row, certificate, asker)
    drop_leaf(doors.secrets, row.id, certificate)
    return certificate


def _waiting(doors: Doors, row: InstanceRow, asked: Asked) -> ClientCertificate:
    own = [each for each in row.wish.client_certificates if each.user == asked.user]
    if not own:
        known = ", ".join(sorted({each.user for each in row.wish.client_certificates}))
        rule = f"{row.wish.name} issued no certificate to this user; it issued some to "
        raise refusal("user", asked.user, rule + (known or "nobody yet"))
    waiting = [each for each in own if waiting_leaf(doors.secrets, row.id, each)]
    found = [each for each in waiting if asked.number in (0, each.number)]
    if not found:
        rule = (
            "no certificate of this user waits: each is handed out once, and what was issued has "
            "been, or was revoked; issue-client-certificate with another=true issues a new one"
        )
        raise refusal("user", asked.user, rule)
    if len(found) > 1:
        numbers = _numbers(found)
        raise refusal("number", "", f"several wait; accepted are {numbers}")
    return found[0]


def _numbers(certificates: Sequence[ClientCertificate]) -> str:
    return ", ".join(str(each.number) for each in certificates)


def _secured(row: InstanceRow) -> InstanceRow:
    if not row.wish.sasl_ssl:
        raise Refused(
            f'instance "{row.wish.name}": it has no certificates for clients, because SASL_SSL is '
            "off"
        )
    return row


def _state(issued: IssuedCertificate, now: datetime) -> str:
    if issued.revoked:
        return "revoked"
    if issued.expires <= now:
        return "expired"
    return "handed out" if issued.handed_out else "waiting"


def _trace(
    doors: Doors, row: InstanceRow, certificate: ClientCertificate, asker: tuple[str, Door]
) -> None:
    who, door = asker
    doors.records.trace(
        Trace(
            name="showClientCertificateSuccess",
            who=who,
            door=door,
            resource=row.wish.name,
            parameters={"user": certificate.user, "number": certificate.number},
            result="the certificate was handed out with its key",
        )
    )
