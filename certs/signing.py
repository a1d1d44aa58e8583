"""What every certificate of ours has in common: serial, dates, key identifiers, signature."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256

from certs.errors import CertificateError
from certs.pem import PrivateKey

# A client whose clock is a little behind accepts a certificate that was issued just now.
BACKDATING = timedelta(hours=1)


@dataclass(frozen=True)
class Validity:
    """From when until when a certificate holds (UTC, whole seconds, both included)."""

    not_before: datetime
    not_after: datetime

    @classmethod
    def starting(cls, now: datetime, days: int) -> Self:
        """From shortly before `now` until `days` days of 24 hours after it."""
        if now.tzinfo is None:
            raise CertificateError(f"now {now.isoformat()}: accepted is a time with its zone.")
        if days < 1:
            raise CertificateError(f"days {days}: accepted is 1 or more.")
        start = now.astimezone(UTC).replace(microsecond=0)
        return cls(start - BACKDATING, start + timedelta(days=days))

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Self:
        """The dates of a certificate."""
        return cls(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


@dataclass(frozen=True)
class Signer:
    """Who signs: the subject, key and key identifier of an authority, and its dates."""

    subject: x509.Name
    key: PrivateKey
    key_identifier: x509.SubjectKeyIdentifier
    dates: Validity


def begin(
    subject: x509.Name, key: CertificatePublicKeyTypes, dates: Validity
) -> x509.CertificateBuilder:
    """A certificate with a random serial (159 bits; RFC 5280 4.1.2.2), still without extensions."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(dates.not_before)
        .not_valid_after(dates.not_after)
    )


def sign(builder: x509.CertificateBuilder, signer: Signer) -> x509.Certificate:
    """The certificate, signed with SHA-256; it names its issuer by subject and key identifier."""
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        signer.key_identifier
    )
    return (
        builder.issuer_name(signer.subject)
        .add_extension(identifier, critical=False)
        .sign(signer.key, SHA256())
    )
