"""A user's certificates and stores as tests need them: good ones, and ones with a single fault."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import jks
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from certs.uploads import Upload

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PASSWORD = "Upload 2026!"
Key = CertificateIssuerPrivateKeyTypes


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key = field(repr=False)


@dataclass(frozen=True)
class Says:
    """What a certificate says; the defaults are a good one's."""

    name: str = "broker.example.com"
    days: tuple[int, int] = (-1, 365)
    hash: HashAlgorithm | None = field(default_factory=SHA256)
    extensions: tuple[x509.ExtensionType, ...] = ()


def authority(path_length: int | None = None) -> x509.ExtensionType:
    """What makes a certificate an authority's."""
    return x509.BasicConstraints(ca=True, path_length=path_length)


def make(says: Says, signer: Made | None = None, key: Key | None = None) -> Made:
    """The certificate, self-signed when there is no signer."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, says.name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(signer.certificate.subject if signer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=says.days[0]))
        .not_valid_after(NOW + timedelta(days=says.days[1]))
    )
    for extension in says.extensions:
        builder = builder.add_extension(extension, critical=False)
    algorithm = says.hash
    return Made(builder.sign(signer.key if signer else key, algorithm), key)  # type: ignore[arg-type]


def names(*addresses: str) -> x509.SubjectAlternativeName:
    """The names that a server answers to."""
    return x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(each)) for each in addresses])


ROOT = make(Says("Example Root", (-10, 3650), extensions=(authority(),)))
MIDDLE = make(Says("Example Issuing", (-5, 1800), extensions=(authority(),)), ROOT)
LEAF = make(Says(extensions=(names("10.0.0.1", "10.0.0.2", "10.0.0.3"),)), MIDDLE)


def pkcs12_keystore(leaf: Made, others: Sequence[Made] = (), password: str = PASSWORD) -> bytes:
    """A PKCS#12 key store."""
    encryption = BestAvailableEncryption(password.encode())
    chain = [each.certificate for each in others]
    key: Any = leaf.key
    return pkcs12.serialize_key_and_certificates(
        b"localhost", key, leaf.certificate, chain, encryption
    )


def pkcs12_truststore(trusted: Sequence[Made], password: str = PASSWORD) -> bytes:
    """A PKCS#12 trust store."""
    entries = [
        pkcs12.PKCS12Certificate(each.certificate, f"ca{number}".encode())
        for number, each in enumerate(trusted)
    ]
    return pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(password.encode()))


def jks_store(
    keys: Sequence[Sequence[Made]] = (),
    trusted: Sequence[Made] = (),
    password: str = PASSWORD,
    key_password: str = PASSWORD,
) -> bytes:
    """A store in Java's own format: each of `keys` is a key's chain, the leaf first."""
    entries = [_jks_key(f"key{number}", chain) for number, chain in enumerate(keys)]
    for entry in entries:
        entry.encrypt(key_password)
    certificates = [
        jks.TrustedCertEntry.new(f"ca{number}", _der(each)) for number, each in enumerate(trusted)
    ]
    return bytes(jks.KeyStore.new("jks", [*entries, *certificates]).saves(password))


def upload(
    keystore: bytes | None = None,
    truststore: bytes | None = None,
    passwords: tuple[str, str] = (PASSWORD, PASSWORD),
) -> Upload:
    """Two stores, good ones where none is given."""
    return Upload(
        keystore if keystore is not None else pkcs12_keystore(LEAF, [MIDDLE, ROOT]),
        passwords[0],
        truststore if truststore is not None else pkcs12_truststore([ROOT]),
        passwords[1],
    )


def _jks_key(alias: str, chain: Sequence[Made]) -> jks.PrivateKeyEntry:
    der = chain[0].key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return jks.PrivateKeyEntry.new(alias, [_der(each) for each in chain], der, "pkcs8")


def _der(made: Made) -> bytes:
    return made.certificate.public_bytes(Encoding.DER)
