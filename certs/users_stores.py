"""Stores that a user brings: a server's key with its chain, and the authorities to trust.

Two formats carry the name `.jks`: Java's own, and PKCS#12, which `keytool` writes by default since
Java 9. The first bytes tell them apart; the file's name does not.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import jks
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs12

from certs.errors import CertificateError
from certs.pem import PrivateKey, read_key, write_certificate, write_key

LARGEST = 100 * 1024
"""Bytes that a store may have; one with 120 authorities has 61 kB."""
_JKS, _PKCS12 = b"\xfe\xed\xfe\xed", b"\x30"


@dataclass(frozen=True)
class KeyEntry:
    """A server's key (PEM, PKCS#8, a secret) and its certificates, the key's own first."""

    key_pem: bytes = field(repr=False)
    certificates: tuple[bytes, ...]


@dataclass(frozen=True)
class _Content:
    keys: tuple[KeyEntry, ...]
    trusted: tuple[bytes, ...]


def read_keystore(name: str, content: bytes, password: str) -> KeyEntry:
    """The one key in the store, which the password opens too; else CertificateError."""
    found = _read(name, content, password).keys
    if len(found) != 1:
        raise CertificateError(
            f"{name}: accepted is a store with one private key, and this one has {len(found)}."
        )
    _check_fits(name, found[0])
    return found[0]


def read_truststore(name: str, content: bytes, password: str) -> tuple[bytes, ...]:
    """The trusted certificates of the store as PEM texts, at least one; else CertificateError."""
    found = _read(name, content, password)
    if found.keys:
        raise CertificateError(
            f"{name}: accepted is a store of certificates to trust, and this one has a private "
            "key, which clients must never get."
        )
    if not found.trusted:
        raise CertificateError(f"{name}: accepted is a store with at least one authority to trust.")
    return found.trusted


def _read(name: str, content: bytes, password: str) -> _Content:
    if len(content) > LARGEST:
        raise CertificateError(
            f"{name}: it has {len(content):,} bytes; accepted are at most {LARGEST:,}."
        )
    if content.startswith(_JKS):
        return _read_jks(name, content, password)
    if content.startswith(_PKCS12):
        return _read_pkcs12(name, content, password)
    raise CertificateError(f"{name}: accepted is a JKS or PKCS#12 store, and this is none.")


def _read_jks(name: str, content: bytes, password: str) -> _Content:
    try:
        store = jks.KeyStore.loads(content, password, try_decrypt_keys=False)
    except jks.KeystoreSignatureException:
        raise _wrong_password(name) from None
    except Exception as error:  # The library's errors for broken bytes are of many kinds.
        raise _damaged(name) from error
    keys = [_jks_key(name, entry, password) for entry in store.private_keys.values()]
    return _Content(tuple(keys), _pems(name, [each.cert for each in store.certs.values()]))


def _jks_key(name: str, entry: jks.PrivateKeyEntry, password: str) -> KeyEntry:
    try:
        entry.decrypt(password)
    except jks.DecryptionFailureException:
        raise CertificateError(
            f"{name}: its private key has another password than the store; accepted is the same "
            "for both."
        ) from None
    except Exception as error:
        raise _damaged(name) from error
    key = _key(name, entry.pkey_pkcs8)
    return KeyEntry(write_key(key), _pems(name, [der for _, der in entry.cert_chain]))


def _read_pkcs12(name: str, content: bytes, password: str) -> _Content:
    try:
        with warnings.catch_warnings():
            # BER instead of DER is worth a warning to it; some software writes no other.
            warnings.simplefilter("ignore", UserWarning)
            store = pkcs12.load_pkcs12(content, password.encode())
    except ValueError as error:
        if "password" in str(error).lower():
            raise _wrong_password(name) from None
        raise _damaged(name) from error
    others = tuple(write_certificate(each.certificate) for each in store.additional_certs)
    if store.key is None:
        first = (write_certificate(store.cert.certificate),) if store.cert else ()
        return _Content((), (*first, *others))
    if store.cert is None:
        raise CertificateError(f"{name}: its private key has no certificate; accepted is one.")
    chain = (write_certificate(store.cert.certificate), *others)
    return _Content((KeyEntry(write_key(_ours(name, store.key)), chain),), ())


def _key(name: str, der: bytes) -> PrivateKey:
    try:
        key = load_der_private_key(der, password=None)
    except Exception as error:
        raise _damaged(name) from error
    return _ours(name, key)


def _ours(name: str, key: object) -> PrivateKey:
    if not isinstance(key, PrivateKey):
        raise CertificateError(f"{name}: accepted are RSA and EC keys, and this is another kind.")
    return key


def _pems(name: str, ders: Sequence[bytes]) -> tuple[bytes, ...]:
    try:
        return tuple(write_certificate(x509.load_der_x509_certificate(der)) for der in ders)
    except ValueError as error:
        raise _damaged(name) from error


def _check_fits(name: str, entry: KeyEntry) -> None:
    key = read_key(name, entry.key_pem)
    if not entry.certificates:
        raise CertificateError(f"{name}: its private key has no certificate; accepted is one.")
    own = x509.load_pem_x509_certificate(entry.certificates[0])
    if own.public_key() != key.public_key():
        raise CertificateError(f"{name}: its private key does not fit its certificate.")


def _wrong_password(name: str) -> CertificateError:
    # Both formats seal the whole file with the password, so the two cannot be told apart.
    return CertificateError(f"{name}: the password does not open it, or it was altered.")


def _damaged(name: str) -> CertificateError:
    return CertificateError(
        f"{name}: accepted is a whole JKS or PKCS#12 store, and this one is damaged."
    )
