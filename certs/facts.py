"""What a certificate says, as plain values."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from certs.extensions import find, is_authority
from certs.pem import read_certificates


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says; subject and issuer are spelled like Kafka's principals."""

    subject: str
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime
    ip_addresses: tuple[str, ...]
    dns_names: tuple[str, ...]
    is_authority: bool
    sha256: str


def describe(pem: bytes) -> CertificateFacts:
    """What the first certificate in the PEM text says; times in UTC, the fingerprint in hex.

    Raises CertificateError when the text holds no certificate.
    """
    certificate = read_certificates("certificate", pem)[0]
    names = find(certificate, x509.SubjectAlternativeName) or x509.SubjectAlternativeName([])
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        ip_addresses=tuple(str(ip) for ip in names.get_values_for_type(x509.IPAddress)),
        dns_names=tuple(names.get_values_for_type(x509.DNSName)),
        is_authority=is_authority(certificate),
        sha256=certificate.fingerprint(SHA256()).hex(),
    )
