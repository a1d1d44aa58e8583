"""Whether clients believe a chain that a server sends, by the authorities that they trust."""

from collections.abc import Iterable, Sequence

from cryptography import x509

from certs.chains import chain_to_trust
from certs.errors import CertificateError


def disbelief(chain: Sequence[bytes], trusted: Iterable[bytes]) -> str | None:
    """Why a client refuses the chain (PEM, the server's own certificate first), or None.

    Which names it has to have is known to whoever asks for the server. Dates are not judged: one
    that has ended is no reason to leave it where it is.
    """
    leaf, *others = map(x509.load_pem_x509_certificate, chain)
    anchors = [x509.load_pem_x509_certificate(pem) for pem in trusted]
    try:
        chain_to_trust(leaf, others, anchors)
    except CertificateError as error:
        return str(error).rstrip(".")
    return None
