"""Certificates that were issued to clients, as the secret store keeps them.

A leaf with its key lies there until it is handed out; the certificate alone stays, since its
serial and its end are asked for as long as the instance lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from certs.facts import describe
from certs.leaf import Leaf
from flows.adapters.secrets.kept import read_leaf, write_leaf
from flows.adapters.site import Secrets
from flows.domain.wish import ClientCertificate, Wish


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate that was issued to a client; `handed_out`: its key is nowhere here any more."""

    user: str
    number: int
    serial: str
    issuer: str
    begins: datetime
    expires: datetime
    revoked: bool
    handed_out: bool


def leaf_name(certificate: ClientCertificate) -> str:
    """The name under which a certificate lies with its key."""
    return f"client-leaf.{certificate.user}.{certificate.number}"


def certificate_name(certificate: ClientCertificate) -> str:
    """The name under which it stays without its key."""
    return f"client-certificate.{certificate.user}.{certificate.number}"


def waiting_leaf(secrets: Secrets, instance_id: str, certificate: ClientCertificate) -> Leaf | None:
    """The certificate with its key; None once it was handed out or revoked."""
    text = secrets.get(instance_id, leaf_name(certificate))
    return read_leaf(text) if text else None


def keep_leaf(
    secrets: Secrets, instance_id: str, certificate: ClientCertificate, leaf: Leaf
) -> None:
    """It waits to be handed out; one that was issued before is not issued again."""
    text = secrets.keep(instance_id, leaf_name(certificate), lambda: write_leaf(leaf))
    public = read_leaf(text).certificate_pem.decode()
    secrets.keep(instance_id, certificate_name(certificate), lambda: public)


def drop_leaf(secrets: Secrets, instance_id: str, certificate: ClientCertificate) -> None:
    """Its key is nowhere here any more."""
    secrets.drop(instance_id, leaf_name(certificate))


def issued_certificates(
    secrets: Secrets, instance_id: str, wish: Wish
) -> tuple[IssuedCertificate, ...]:
    """All that were issued, revoked and ended ones too, in the order of their numbers."""
    found = (_issued(secrets, instance_id, each) for each in wish.client_certificates)
    return tuple(each for each in found if each)


def revoked_serials(secrets: Secrets, instance_id: str, wish: Wish) -> str:
    """The list that brokers read: a serial that they refuse on each line, in hexadecimal."""
    issued = issued_certificates(secrets, instance_id, wish)
    return "".join(f"{each.serial}\n" for each in issued if each.revoked)


def _issued(
    secrets: Secrets, instance_id: str, certificate: ClientCertificate
) -> IssuedCertificate | None:
    text = secrets.get(instance_id, certificate_name(certificate))
    if text is None:
        return None
    facts = describe(text.encode())
    return IssuedCertificate(
        user=certificate.user,
        number=certificate.number,
        serial=f"{facts.serial:x}",
        issuer=facts.issuer,
        begins=facts.not_before,
        expires=facts.not_after,
        revoked=certificate.revoked,
        handed_out=secrets.get(instance_id, leaf_name(certificate)) is None,
    )
