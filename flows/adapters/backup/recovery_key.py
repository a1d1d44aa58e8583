"""The recovery key opens backups; the control plane keeps only its public half.

So whoever has a control plane and its backups, but not the recovery key, can make more of them and
read none.
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from flows.domain.errors import Refused

GROUP = 7
KEY_BYTES, CHECK_BYTES = 32, 3


@dataclass(frozen=True)
class RecoveryKey:
    """The private half (X25519), as a person keeps it."""

    private: X25519PrivateKey = field(repr=False)

    @property
    def public(self) -> bytes:
        """The half that a control plane keeps: 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    def text(self) -> str:
        """Eight groups of seven letters and digits; the last ones notice a slip of the pen."""
        key = self.private.private_bytes_raw()
        letters = b32encode(key + _check(key)).decode()
        return "-".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))


def new_recovery_key() -> RecoveryKey:
    """A key that nobody has."""
    return RecoveryKey(X25519PrivateKey.generate())


def read_recovery_key(text: str) -> RecoveryKey:
    """The key that was written down, whatever its case and spaces; Refused for a misspelt one."""
    letters = "".join(text.split()).replace("-", "").upper()
    try:
        decoded = b32decode(letters)
    except ValueError:
        decoded = b""
    key, check = decoded[:KEY_BYTES], decoded[KEY_BYTES:]
    if len(key) != KEY_BYTES or check != _check(key):
        raise Refused(
            "recovery_key (not shown): it is not a recovery key, or a character of it is wrong; "
            "accepted are the eight groups of seven characters that `fleet backup` has shown"
        )
    return RecoveryKey(X25519PrivateKey.from_private_bytes(key))


def fingerprint(public: bytes) -> str:
    """A name of the key that tells nothing of it."""
    X25519PublicKey.from_public_bytes(public)
    return sha256(public).hexdigest()[:16]


def _check(key: bytes) -> bytes:
    return sha256(b"kafka-fleet recovery key" + key).digest()[:CHECK_BYTES]
