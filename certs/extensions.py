"""X.509 extensions: finding them, and the key usages that our certificates have."""

from typing import TypeVar

from cryptography import x509

E = TypeVar("E", bound=x509.ExtensionType)


def find(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """The certificate's extension of this kind, or None."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether the certificate may sign others (basic constraints CA:TRUE)."""
    constraints = find(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def key_identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    """The identifier that the certificate gives its key, or the usual one (SHA-1 of the key)."""
    given = find(certificate, x509.SubjectKeyIdentifier)
    return given or x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())


def key_usage(*, handshakes: bool = False, certificates: bool = False) -> x509.KeyUsage:
    """A key that signs handshakes (a leaf's), or certificates and revocations (an authority's)."""
    return x509.KeyUsage(
        digital_signature=handshakes,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
