"""Passwords as Kafka keeps them, judged by a client that the product did not write."""

from __future__ import annotations

import hashlib
import hmac
import warnings
from base64 import b64decode

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.domain.scram import PLAIN_ITERATIONS, SCRAM_ITERATIONS, plain_line, scram_value
from tests.domain.samples import OFTEN

with warnings.catch_warnings():
    # It reads its own files by a function that Python 3.11 calls old.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.net.sasl.scram import ScramClient

PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=32)
SALTS = st.binary(min_size=16, max_size=32)


def fields(value: str) -> dict[str, str]:
    """`salt=...,stored_key=...` as Kafka reads it."""
    return dict(part.split("=", 1) for part in value.split(","))


def accepts(stored: dict[str, str], user: str, password: str) -> bool:
    """Whether a server that knows only the stored value lets this client in (RFC 5802)."""
    client = ScramClient(user, password, "SCRAM-SHA-512")
    nonce = client.first_message().decode().rpartition("r=")[2]
    first = f"r={nonce}server,s={stored['salt']},i={stored['iterations']}"
    client.process_server_first_message(first.encode())
    proof = b64decode(client.final_message().rpartition(b",p=")[2])
    known = b64decode(stored["stored_key"])
    signature = hmac.digest(known, client.auth_message, "sha512")
    key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    return hashlib.sha512(key).digest() == known


@settings(OFTEN, max_examples=15)
@given(password=PASSWORDS, other=PASSWORDS, salt=SALTS)
def test_exactly_the_password_is_accepted(password: str, other: str, salt: bytes) -> None:
    stored = fields(scram_value(password, salt, iterations=64))
    assert accepts(stored, "alice", password)
    assert accepts(stored, "alice", other) == (other == password)


def test_the_value_has_kafkas_fields_and_holds_no_password() -> None:
    value = scram_value("S3cret-Words", b"0123456789abcdef")
    found = fields(value)
    assert list(found) == ["salt", "stored_key", "server_key", "iterations"]
    assert b64decode(found["salt"]) == b"0123456789abcdef"
    assert int(found["iterations"]) == SCRAM_ITERATIONS >= 4096, "Kafka refuses fewer"
    assert "S3cret" not in value


def test_a_client_can_tell_the_server_by_its_key() -> None:
    salted = hashlib.pbkdf2_hmac("sha512", b"S3cret-Words", b"salt-salt", 64)
    stored = fields(scram_value("S3cret-Words", b"salt-salt", iterations=64))
    assert b64decode(stored["server_key"]) == hmac.digest(salted, b"Server Key", "sha512")


def test_a_plain_user_is_a_line_with_a_slow_hash() -> None:
    user, iterations, salt, hashed = plain_line("alice", "S3cret-Words", b"salt-salt").split(":")
    assert (user, b64decode(salt)) == ("alice", b"salt-salt")
    assert int(iterations) == PLAIN_ITERATIONS >= 4_096
    assert b64decode(hashed) == hashlib.pbkdf2_hmac(
        "sha512", b"S3cret-Words", b"salt-salt", PLAIN_ITERATIONS
    )
