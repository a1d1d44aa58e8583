"""A user's own certificates for a server: read from two stores, checked before anybody sees them.

Every rule has a sentence of its own. Which names the certificate must have is not checked here:
only the caller knows the addresses of its servers, and may accept that one is missing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import (
    SHA256,
    SHA384,
    SHA512,
    SHA512_256,
    HashAlgorithm,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.chains import chain_to_trust
from certs.errors import CertificateError
from certs.extensions import find, is_authority
from certs.leaf import Leaf
from certs.pem import write_certificate
from certs.users_stores import read_keystore, read_truststore

KEYSTORE, TRUSTSTORE = "keystore", "truststore"
SMALLEST_RSA, LARGEST_RSA = 2048, 8192
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
HASHES: tuple[type[HashAlgorithm], ...] = (SHA256, SHA384, SHA512, SHA512_256)


@dataclass(frozen=True)
class Upload:
    """Two stores as a user gives them, with the password of each; a store's is its key's too."""

    keystore: bytes = field(repr=False)
    keystore_password: str = field(repr=False)
    truststore: bytes = field(repr=False)
    truststore_password: str = field(repr=False)


@dataclass(frozen=True)
class OwnCertificates:
    """What a server shows (its chain without the trusted authority), and whom clients trust."""

    leaf: Leaf
    authorities: tuple[bytes, ...]


def read_upload(upload: Upload, now: datetime) -> OwnCertificates:
    """The certificates of the two stores; CertificateError for the first rule that is broken.

    The stores open, the key fits its certificate, the chain ends at an authority of the trust
    store, everything in it holds now, and no key, signature or usage is one that clients refuse.
    """
    entry = read_keystore(KEYSTORE, upload.keystore, upload.keystore_password)
    pems = read_truststore(TRUSTSTORE, upload.truststore, upload.truststore_password)
    leaf, *others = map(x509.load_pem_x509_certificate, entry.certificates)
    trusted = [x509.load_pem_x509_certificate(pem) for pem in pems]
    _check_authorities(trusted)
    for certificate in (leaf, *others):
        _check_signature(certificate)
    chain, anchor = chain_to_trust(leaf, others, trusted)
    for certificate in (*chain, anchor):
        _check_dates(certificate, now)
        _check_key(certificate)
    _check_usage(leaf)
    sent = [write_certificate(each) for each in chain]
    return OwnCertificates(Leaf(sent[0], entry.key_pem, tuple(sent[1:])), _trusted(anchor, trusted))


def _trusted(anchor: x509.Certificate, trusted: Sequence[x509.Certificate]) -> tuple[bytes, ...]:
    """The authority of the chain first: it is the one that a successor is signed for."""
    ordered = dict.fromkeys((anchor, *trusted))
    return tuple(write_certificate(each) for each in ordered)


def _check_authorities(trusted: Sequence[x509.Certificate]) -> None:
    for certificate in trusted:
        if not is_authority(certificate):
            raise CertificateError(
                f"{TRUSTSTORE}: accepted are certificates of authorities (CA:TRUE), and "
                f"{certificate.subject.rfc4514_string()} is none."
            )


def _check_dates(certificate: x509.Certificate, now: datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends <= now:
        raise CertificateError(f"{_called(certificate)}: it expired {ends:%Y-%m-%d %H:%M} UTC.")
    if begins > now:
        raise CertificateError(
            f"{_called(certificate)}: it holds only from {begins:%Y-%m-%d %H:%M} UTC on."
        )


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
            raise CertificateError(
                f"{_called(certificate)}: its RSA key has {key.key_size} bits; accepted are "
                f"{SMALLEST_RSA} to {LARGEST_RSA}."
            )
    elif not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)):
        kind = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else "of another kind"
        raise CertificateError(
            f"{_called(certificate)}: its key is {kind}; accepted are RSA keys and EC keys on "
            "P-256, P-384 and P-521."
        )


def _check_signature(certificate: x509.Certificate) -> None:
    algorithm = certificate.signature_hash_algorithm
    if certificate.issuer == certificate.subject:
        return  # An authority that is trusted is so whatever its signature.
    if not isinstance(algorithm, HASHES):
        name = algorithm.name if algorithm else certificate.signature_algorithm_oid.dotted_string
        raise CertificateError(
            f"{_called(certificate)}: it is signed with {name}, which clients refuse; accepted "
            "are SHA-256, SHA-384 and SHA-512."
        )


def _check_usage(leaf: x509.Certificate) -> None:
    for broken, rule in _usage_rules(leaf):
        if broken:
            raise CertificateError(f"{_called(leaf)}: {rule}.")


def _usage_rules(leaf: x509.Certificate) -> Iterator[tuple[bool, str]]:
    extended, usage = find(leaf, x509.ExtendedKeyUsage), find(leaf, x509.KeyUsage)
    accepted = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    yield (
        extended is not None and not accepted & set(extended),
        "its extended key usage does not name servers; accepted is one with serverAuth, or none",
    )
    yield (
        usage is not None and not usage.digital_signature,
        "its key usage does not let it sign handshakes; accepted is one with digitalSignature, "
        "or none",
    )


def _called(certificate: x509.Certificate) -> str:
    return f"certificate {certificate.subject.rfc4514_string() or 'without a subject'}"
