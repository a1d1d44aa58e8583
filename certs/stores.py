"""Java's stores: PKCS#12 files with a leaf and its key, or with the authorities to trust.

Every store is opened with its password by Java, OpenSSL and librdkafka. Authorities are given as
PEM texts, each of one or more certificates; one that is given twice is stored once.
"""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    KeySerializationEncryption,
    PrivateFormat,
    pkcs12,
)

from certs.errors import CertificateError
from certs.extensions import is_authority
from certs.leaf import Leaf
from certs.pem import read_certificate, read_certificates, read_key


def broker_keystore(leaf: Leaf, password: str) -> bytes:
    """The leaf with its key and chain, for a broker. The password must be long and random.

    With one round of key derivation: each new replica fetcher reads the store, and 20,000 rounds
    stall acks at every restart. Rounds slow down the guessing of weak passwords, of others not.
    """
    return _keystore(leaf, _one_round(password))


def broker_truststore(authorities: Sequence[bytes], password: str) -> bytes:
    """The authorities that a broker trusts; encrypted like its key store, for the same reason."""
    return _truststore(authorities, _one_round(password))


def client_keystore(leaf: Leaf, password: str) -> bytes:
    """The leaf with its key and chain, for a client; readable from Java 8 on."""
    return _keystore(leaf, _java_8(password))


def client_truststore(authorities: Sequence[bytes], password: str) -> bytes:
    """The authorities that a client trusts; readable from Java 8 on, as type JKS or PKCS12."""
    return _truststore(authorities, _java_8(password))


def _one_round(password: str) -> KeySerializationEncryption:
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(1)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(SHA256())
        .build(_checked(password))
    )


def _java_8(password: str) -> KeySerializationEncryption:
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(SHA1())
        .build(_checked(password))
    )


def _checked(password: str) -> bytes:
    # Java's keytool opens no store with a shorter password, and programs encode others differently.
    if len(password) < 6 or not (password.isascii() and password.isprintable()):
        raise CertificateError(
            "store password: accepted are at least 6 printable ASCII characters."
        )
    return password.encode("ascii")


def _keystore(leaf: Leaf, encryption: KeySerializationEncryption) -> bytes:
    certificate = read_certificate("leaf certificate", leaf.certificate_pem)
    key = read_key("leaf key", leaf.key_pem)
    if key.public_key() != certificate.public_key():
        raise CertificateError("leaf key: accepted is only the key of its certificate.")
    chain = [read_certificate("leaf chain", pem) for pem in leaf.chain]
    return pkcs12.serialize_key_and_certificates(b"leaf", key, certificate, chain, encryption)


def _truststore(authorities: Sequence[bytes], encryption: KeySerializationEncryption) -> bytes:
    trusted = trusted_certificates(authorities)
    entries = [pkcs12.PKCS12Certificate(found, _alias(found)) for found in trusted]
    return pkcs12.serialize_java_truststore(entries, encryption)


def trusted_certificates(authorities: Sequence[bytes]) -> list[x509.Certificate]:
    """The certificates of the authorities, each once, in their order: at least one."""
    found = [each for pem in authorities for each in read_certificates("authorities", pem)]
    if not found:
        raise CertificateError("authorities: accepted is at least one certificate.")
    if not all(is_authority(each) for each in found):
        raise CertificateError("authorities: accepted are certificates of authorities (CA:TRUE).")
    return list(dict.fromkeys(found))


def _alias(authority: x509.Certificate) -> bytes:
    # By content, so that an authority keeps its alias whatever else the store holds.
    return b"ca-" + authority.fingerprint(SHA256()).hex()[:16].encode("ascii")
