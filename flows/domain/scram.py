"""Passwords as Kafka keeps them: SCRAM-SHA-512 values and the PLAIN plugin's hashes."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode

SCRAM_ITERATIONS = 8192
# Checked on a broker's network thread at each login: 13 ms under C1; the same for all users, so
# that times do not tell who exists.
PLAIN_ITERATIONS = 4_096


def scram_value(password: str, salt: bytes, iterations: int = SCRAM_ITERATIONS) -> str:
    """The value of `SCRAM-SHA-512` in `/config/users/NAME` (Kafka's ScramCredentialUtils)."""
    salted = hashlib.pbkdf2_hmac("sha512", password.encode("ascii"), salt, iterations)
    stored = hashlib.sha512(_hmac(salted, b"Client Key")).digest()
    server = _hmac(salted, b"Server Key")
    return (
        f"salt={_text(salt)},stored_key={_text(stored)},"
        f"server_key={_text(server)},iterations={iterations}"
    )


def plain_line(user: str, password: str, salt: bytes, iterations: int = PLAIN_ITERATIONS) -> str:
    """One line of the plugin's users file: `name:iterations:base64 salt:base64 hash`."""
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode("ascii"), salt, iterations)
    return f"{user}:{iterations}:{_text(salt)}:{_text(hashed)}"


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha512).digest()


def _text(value: bytes) -> str:
    return b64encode(value).decode("ascii")
