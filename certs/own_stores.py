"""What a store of ours holds: the chain of a key store, the authorities of a trust store."""

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12

from certs.errors import CertificateError
from certs.leaf import Leaf
from certs.pem import write_certificate, write_key


def keystore_leaf(content: bytes, password: str) -> Leaf:
    """The store's only entry: a certificate with its key, and what is sent after it."""
    found = _opened(content, password)
    if found.cert is None or not isinstance(found.key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise CertificateError("key store: accepted is one with a certificate and its key.")
    chain = tuple(write_certificate(each.certificate) for each in found.additional_certs)
    return Leaf(write_certificate(found.cert.certificate), write_key(found.key), chain)


def keystore_chain(content: bytes, password: str) -> tuple[bytes, ...]:
    """The certificates of the store's only entry as PEM texts, in the order they are sent in."""
    leaf = keystore_leaf(content, password)
    return (leaf.certificate_pem, *leaf.chain)


def truststore_authorities(content: bytes, password: str) -> tuple[bytes, ...]:
    """The certificates of the authorities in the store as PEM texts."""
    found = _opened(content, password).additional_certs
    return tuple(write_certificate(each.certificate) for each in found)


def _opened(content: bytes, password: str) -> pkcs12.PKCS12KeyAndCertificates:
    try:
        return pkcs12.load_pkcs12(content, password.encode("ascii"))
    except ValueError as error:
        raise CertificateError("store: accepted is PKCS#12, opened by its password.") from error
