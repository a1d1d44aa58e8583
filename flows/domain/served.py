"""What a listener serves, as it was read in a TLS handshake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ServedChain:
    """The whole chain that a listener sent, its own certificate first, as PEM texts.

    `serial` and `not_after` are those of the first one. Java rebuilds the chain of a store by
    subject, so it can differ from what was written.
    """

    pems: tuple[bytes, ...]
    serial: int
    not_after: datetime


def differs(served: ServedChain, wished: Sequence[bytes]) -> str | None:
    """How the chain differs from the one that is to be served, in words; None when it does not."""
    if served.pems[0] != wished[0]:
        return f"it serves the certificate {served.serial:x}, which is another one"
    if served.pems != tuple(wished):
        found, accepted = len(served.pems) - 1, len(wished) - 1
        return (
            f"it serves the right certificate {served.serial:x}, but of the {accepted} to be sent "
            f"after it {found}, or others"
        )
    return None
