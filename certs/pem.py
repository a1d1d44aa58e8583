"""PEM values in and out; what cannot be read is a CertificateError that names the field."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from certs.errors import CertificateError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def read_certificates(field: str, pem: bytes) -> list[x509.Certificate]:
    """Every certificate in the PEM text, in its order: at least one, else CertificateError."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise CertificateError(
            f"{field}: accepted are X.509 certificates as PEM text, and this is none."
        ) from error


def read_certificate(field: str, pem: bytes) -> x509.Certificate:
    """The only certificate in the PEM text, else CertificateError."""
    found = read_certificates(field, pem)
    if len(found) > 1:
        raise CertificateError(f"{field}: accepted is one certificate, and here are {len(found)}.")
    return found[0]


def write_certificate(certificate: x509.Certificate) -> bytes:
    """The certificate as PEM text."""
    return certificate.public_bytes(Encoding.PEM)


def read_key(field: str, pem: bytes) -> PrivateKey:
    """The EC or RSA key in the unencrypted PEM text, else CertificateError."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(
            f"{field}: accepted is an unencrypted private key as PEM text, and this is none."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CertificateError(f"{field}: accepted are EC and RSA keys, and this is another kind.")
    return key


def write_key(key: PrivateKey) -> bytes:
    """The key as PEM text (PKCS#8), not encrypted: keeping it secret is the caller's."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
