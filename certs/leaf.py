"""Leaves: the certificates that brokers, the product and clients show."""

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.authority import Authority, signer_of
from certs.errors import CertificateError
from certs.extensions import key_usage
from certs.names import (
    check_common_name,
    check_dns_name,
    check_ip_address,
    check_organization,
    subject,
)
from certs.pem import write_certificate, write_key
from certs.signing import BACKDATING, Validity, begin, sign


@dataclass(frozen=True)
class LeafRequest:
    """What a certificate is to say; a wish that no authority could fulfil is a CertificateError.

    `server` and `client` say what it may be shown as, at least one of them. A server's has at
    least one name: an IPv4 address or a host name.
    """

    common_name: str
    organization: str
    ip_addresses: tuple[str, ...]
    dns_names: tuple[str, ...]
    server: bool
    client: bool

    def __post_init__(self) -> None:
        """Refuse what is not accepted."""
        check_common_name("common_name", self.common_name)
        check_organization(self.organization)
        for address in self.ip_addresses:
            check_ip_address(address)
        for name in self.dns_names:
            check_dns_name(name)
        self._check_use()

    def _check_use(self) -> None:
        if not (self.server or self.client):
            raise CertificateError("server and client: accepted is at least one of the two.")
        if self.server and not (self.ip_addresses or self.dns_names):
            raise CertificateError(
                "ip_addresses and dns_names: a server's certificate needs at least one name."
            )


@dataclass(frozen=True)
class Leaf:
    """A certificate, its key (PEM, PKCS#8, not encrypted: a secret), and what is sent after it.

    The chain holds what lies between the leaf and a trusted authority, in the order in which it
    is sent: nothing for a leaf of ours, its cross certificate while an authority is succeeded.
    """

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    chain: tuple[bytes, ...] = ()


def issue(authority: Authority, request: LeafRequest, now: datetime, days: int) -> Leaf:
    """A certificate with a new EC P-256 key that holds from an hour before `now` for `days` days.

    Kafka's principal of it is exactly `CN=<common_name>,O=<organization>`. CertificateError when
    the authority does not hold now, or would end before the certificate does.
    """
    signer = signer_of(authority)
    dates = _within(signer.dates, Validity.starting(now, days), days)
    key = ec.generate_private_key(ec.SECP256R1())
    name = subject(request.common_name, request.organization)
    unsigned = _as_leaf(begin(name, key.public_key(), dates), request)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = sign(unsigned.add_extension(identifier, critical=False), signer)
    return Leaf(write_certificate(certificate), write_key(key))


def _within(authority: Validity, wished: Validity, days: int) -> Validity:
    now = wished.not_before + BACKDATING
    if not authority.not_before <= now < authority.not_after:
        raise CertificateError(
            f"now {now:%Y-%m-%d %H:%M}: accepted is a time at which the authority holds, from "
            f"{authority.not_before:%Y-%m-%d %H:%M} to {authority.not_after:%Y-%m-%d %H:%M}."
        )
    if wished.not_after > authority.not_after:
        raise CertificateError(
            f"days {days}: accepted is at most {(authority.not_after - now).days}, "
            "the rest of the authority's life."
        )
    return Validity(max(authority.not_before, wished.not_before), wished.not_after)


def _as_leaf(builder: x509.CertificateBuilder, request: LeafRequest) -> x509.CertificateBuilder:
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(handshakes=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_uses(request)), critical=False)
    )
    names = _alternative_names(request)
    return builder.add_extension(names, critical=False) if len(names) else builder


def _uses(request: LeafRequest) -> list[x509.ObjectIdentifier]:
    server = [ExtendedKeyUsageOID.SERVER_AUTH] if request.server else []
    client = [ExtendedKeyUsageOID.CLIENT_AUTH] if request.client else []
    return server + client


def _alternative_names(request: LeafRequest) -> x509.SubjectAlternativeName:
    addresses = [x509.IPAddress(IPv4Address(ip)) for ip in dict.fromkeys(request.ip_addresses)]
    names = [x509.DNSName(name) for name in dict.fromkeys(request.dns_names)]
    return x509.SubjectAlternativeName([*addresses, *names])
