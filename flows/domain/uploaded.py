"""A user's own certificate as it was accepted, ready to be served."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class UploadedCertificates:
    """Key, chain and trusted authorities as PEM texts.

    The chain begins with the broker's certificate and ends with the one that a trusted authority
    has signed; `trusted` begins with that authority.
    """

    key: bytes = field(repr=False)
    chain: tuple[bytes, ...]
    trusted: tuple[bytes, ...]


@dataclass(frozen=True)
class UploadFacts:
    """What an uploaded certificate says, and whom its clients trust; fingerprints are SHA-256."""

    sha256: str
    subject: str
    names: tuple[str, ...]
    """IPv4 addresses and host names; a host name may begin with `*.`."""
    not_after: datetime
    authority: str
    """The subject of the authority that its chain ends at."""
    trusted: tuple[str, ...]
    """Fingerprints of the trusted authorities."""


@dataclass(frozen=True)
class Upload:
    """What a request brought, and what is served of an earlier one.

    `given` is None when the request brings nothing; `present` when clients see certificates of
    ours.
    """

    given: UploadedCertificates | None = None
    facts: UploadFacts | None = None
    """What the given certificate says."""
    present: UploadFacts | None = None
