"""Authorities: who signs an instance's certificates, and how one succeeds another unnoticed.

An instance has two kinds of authority: one for brokers and the product (`internal`), and one that
clients trust (`clients`). Every generation has a key and a subject of its own, key identifiers
and no path length: without any of these, some client refuses a cross-signed chain.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certs.errors import CertificateError
from certs.extensions import find, is_authority, key_identifier, key_usage
from certs.names import check_organization, subject
from certs.pem import read_certificate, read_key, write_certificate, write_key
from certs.signing import Signer, Validity, begin, sign

Kind = Literal["internal", "clients"]


@dataclass(frozen=True)
class Authority:
    """A certificate that signs others, and its key.

    The key is not encrypted (PEM, PKCS#8): it belongs into the caller's encrypted secret store,
    and nowhere else.
    """

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)


def new_authority(
    kind: Kind, organization: str, generation: int, now: datetime, years: int = 10
) -> Authority:
    """A self-signed authority `CN=<organization> <kind> CA g<generation>` with an EC P-256 key.

    It holds from an hour before `now` until `years` times 365 days after it.
    """
    check_organization(organization)
    if generation < 1:
        raise CertificateError(f"generation {generation}: accepted is 1 or more.")
    name = subject(f"{organization} {kind} CA g{generation}", organization)
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    dates = Validity.starting(now, days=365 * years)
    unsigned = _as_authority(begin(name, key.public_key(), dates), identifier)
    certificate = sign(unsigned, Signer(name, key, identifier, dates))
    return Authority(write_certificate(certificate), write_key(key))


def cross_sign(new_certificate_pem: bytes, old: Authority) -> bytes:
    """The new authority's certificate signed by the old authority, as PEM.

    A server that sends it after a leaf of the new authority is accepted by whoever trusts the new
    authority, and by whoever trusts only the old one. It holds as long as both do. Only the new
    authority's certificate is needed, so it may be one whose key is not ours.
    """
    new = read_certificate("new authority", new_certificate_pem)
    _check_succession(new, read_certificate("old authority", old.certificate_pem))
    signer = signer_of(old)
    dates = _common_dates(Validity.of(new), signer.dates)
    unsigned = _as_authority(begin(new.subject, new.public_key(), dates), key_identifier(new))
    return write_certificate(sign(unsigned, signer))


def signer_of(authority: Authority) -> Signer:
    """The authority, ready to sign; CertificateError when it is no CA or its key does not fit."""
    certificate = read_certificate("authority certificate", authority.certificate_pem)
    key = read_key("authority key", authority.key_pem)
    _check_is_authority("authority certificate", certificate)
    if key.public_key() != certificate.public_key():
        raise CertificateError("authority key: accepted is only the key of its certificate.")
    return Signer(certificate.subject, key, key_identifier(certificate), Validity.of(certificate))


def _as_authority(
    builder: x509.CertificateBuilder, identifier: x509.SubjectKeyIdentifier
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(identifier, critical=False)
    )


def _check_is_authority(field: str, certificate: x509.Certificate) -> None:
    if not is_authority(certificate):
        raise CertificateError(f"{field}: accepted is the certificate of an authority (CA:TRUE).")


def _check_succession(new: x509.Certificate, old: x509.Certificate) -> None:
    _check_is_authority("new authority", new)
    if new.subject == old.subject:
        raise CertificateError(
            f"new authority {new.subject.rfc4514_string()!r}: accepted is one with a subject of "
            "its own, and this is the old authority's."
        )
    constraints = find(old, x509.BasicConstraints)
    if constraints and constraints.path_length == 0:
        raise CertificateError(
            "old authority: accepted is one that may sign authorities, and its path length is 0."
        )


def _common_dates(new: Validity, old: Validity) -> Validity:
    common = Validity(max(new.not_before, old.not_before), min(new.not_after, old.not_after))
    if common.not_before >= common.not_after:
        raise CertificateError(
            f"new authority: accepted is one that holds at the same time as the old one; the new "
            f"one begins {new.not_before:%Y-%m-%d}, the old one ends {old.not_after:%Y-%m-%d}."
        )
    return common
