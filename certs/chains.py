"""The chain from a server's certificate to an authority that clients trust."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from certs.errors import CertificateError
from certs.extensions import find, is_authority


def chain_to_trust(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
) -> tuple[tuple[x509.Certificate, ...], x509.Certificate]:
    """What a server sends, the leaf first, and the trusted authority that signed the last of it.

    It is the shortest: an authority that clients trust is not sent. `others` may be in any order
    and hold what the chain does not need. CertificateError when no authority is reached.
    """
    reached = {leaf}
    paths: list[tuple[x509.Certificate, ...]] = [(leaf,)]
    for path in paths:  # It grows while it is walked: the shortest ones first.
        anchor = next((each for each in trusted if _signed(path, each)), None)
        if anchor is not None:
            return path, anchor
        signers = [each for each in others if each not in reached and _signed(path, each)]
        reached.update(signers)
        paths.extend((*path, each) for each in signers)
    raise CertificateError(
        f"chain: accepted is one that ends at a certificate of the trust store, and that of "
        f"{leaf.subject.rfc4514_string() or 'the server'}, issued by "
        f"{leaf.issuer.rfc4514_string()}, does not."
    )


def _signed(path: Sequence[x509.Certificate], authority: x509.Certificate) -> bool:
    """Whether the authority may have signed the last of the path, and did."""
    return is_authority(authority) and _deep_enough(path, authority) and _did(path[-1], authority)


def _deep_enough(path: Sequence[x509.Certificate], authority: x509.Certificate) -> bool:
    """Whether the authority allows that many authorities between itself and the leaf."""
    constraints = find(authority, x509.BasicConstraints)
    usage = find(authority, x509.KeyUsage)
    length = constraints.path_length if constraints else None
    return (length is None or len(path) - 1 <= length) and (usage is None or usage.key_cert_sign)


def _did(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
