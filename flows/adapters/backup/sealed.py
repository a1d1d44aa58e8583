"""A sealed file: anybody can tell what it is and whether it is whole, only one key opens it.

    kafka-fleet backup\\n
    {"format": 1, "made": ..., "recovery_key": ..., "ephemeral": ..., "bytes": ...}\\n
    ciphertext                        `bytes` long
    SHA-256 of all that stands before

The ciphertext is ChaCha20-Poly1305 with the two lines as associated data, under a key that HKDF
(SHA-256) makes of the X25519 secret that a key pair of this file alone shares with the recovery
key. So no key seals twice, and the nonce may be zero; HPKE (RFC 9180) and age do the same.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flows.adapters.backup.recovery_key import RecoveryKey, fingerprint
from flows.domain.errors import Refused

MAGIC = b"kafka-fleet backup\n"
FORMAT = 1
LONGEST_HEADER = 4096
DIGEST_BYTES = 32
NONCE = bytes(12)


@dataclass(frozen=True)
class Sealed:
    """A whole sealed file that was not opened yet."""

    made: datetime
    key: str
    """Fingerprint of the recovery key that opens it."""
    ephemeral: bytes
    lines: bytes
    ciphertext: bytes


def seal(content: bytes, public: bytes, made: datetime) -> bytes:
    """The file that only the private half of this recovery key opens."""
    ephemeral = X25519PrivateKey.generate()
    ours = ephemeral.public_key().public_bytes_raw()
    key = _key(ephemeral.exchange(X25519PublicKey.from_public_bytes(public)), ours, public)
    header = {
        "format": FORMAT,
        "made": made.isoformat(),
        "recovery_key": fingerprint(public),
        "ephemeral": b64encode(ours).decode(),
        "bytes": len(content) + 16,
    }
    lines = MAGIC + json.dumps(header).encode() + b"\n"
    whole = lines + ChaCha20Poly1305(key).encrypt(NONCE, content, lines)
    return whole + sha256(whole).digest()


def read_sealed(name: str, file: bytes) -> Sealed:
    """The file, if it is one of ours and whole; otherwise Refused, saying what is wrong with it."""
    header, lines = _header(name, file)
    expected = len(lines) + header["bytes"] + DIGEST_BYTES
    if len(file) != expected:
        raise Refused(
            f"backup {name}: it has {len(file)} bytes where {expected} are expected, so it was "
            "cut off or added to; a whole copy is accepted"
        )
    body, digest = file[:-DIGEST_BYTES], file[-DIGEST_BYTES:]
    if sha256(body).digest() != digest:
        raise Refused(
            f"backup {name}: its checksum does not fit, so it was damaged or changed; "
            "an undamaged copy is accepted"
        )
    try:
        made, ephemeral = datetime.fromisoformat(header["made"]), b64decode(header["ephemeral"])
    except ValueError:
        raise _unreadable(name) from None
    return Sealed(made, header["recovery_key"], ephemeral, lines, body[len(lines) :])


def unseal(name: str, sealed: Sealed, key: RecoveryKey) -> bytes:
    """What was sealed; Refused when the key is another one."""
    theirs = fingerprint(key.public)
    if theirs != sealed.key:
        raise Refused(
            f"recovery_key (not shown): it is the key {theirs}, but backup {name} was made for "
            f"the key {sealed.key}; that one is accepted"
        )
    try:
        shared = key.private.exchange(X25519PublicKey.from_public_bytes(sealed.ephemeral))
        opener = ChaCha20Poly1305(_key(shared, sealed.ephemeral, key.public))
        return opener.decrypt(NONCE, sealed.ciphertext, sealed.lines)
    except (InvalidTag, ValueError):
        raise Refused(
            f"backup {name}: the recovery key fits but does not open it, so it was changed on "
            "purpose; an unchanged copy is accepted"
        ) from None


def _header(name: str, file: bytes) -> tuple[dict[str, Any], bytes]:
    """The second line, and both lines as they stand in the file."""
    if not file.startswith(MAGIC):
        raise Refused(
            f"backup {name}: it is not a backup of kafka-fleet; accepted is a file that "
            "`fleet backup` has written"
        )
    end = file.find(b"\n", len(MAGIC), LONGEST_HEADER)
    if end < 0:
        raise Refused(
            f"backup {name}: it ends in its header, so it was cut off; a whole copy is accepted"
        )
    lines = file[: end + 1]
    header = _parsed(lines[len(MAGIC) :])
    if header.get("format", 0) > FORMAT:
        raise Refused(
            f"backup {name}: its format is {header['format']}, this program reads up to "
            f"{FORMAT}; a newer kafka-fleet is needed"
        )
    if not _FIELDS.keys() <= header.keys():
        raise _unreadable(name)
    return header, lines


def _unreadable(name: str) -> Refused:
    return Refused(
        f"backup {name}: its header cannot be read, so it was damaged; an undamaged copy is "
        "accepted"
    )


_FIELDS = {"format": int, "made": str, "recovery_key": str, "ephemeral": str, "bytes": int}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    well = isinstance(found, dict) and all(
        isinstance(found.get(name, kind()), kind) for name, kind in _FIELDS.items()
    )
    return found if well else {}


def _key(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    info = b"kafka-fleet backup 1"
    return HKDF(SHA256(), length=32, salt=ephemeral + recipient, info=info).derive(shared)
