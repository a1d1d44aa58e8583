"""Whether a listener answers at all: asked without a login, which every listener can be."""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress

from flows.domain.errors import EffectFailed

ANSWER_SECONDS = 4.0
_CLIENT = b"kafka-fleet"
_API_VERSIONS = struct.pack(f">hhih{len(_CLIENT)}s", 18, 0, 1, len(_CLIENT), _CLIENT)


def check_answers(address: str, port: int, *, secured: bool) -> None:
    """The listener answered; EffectFailed when it did not within 4 s.

    One with TLS is greeted and says its part, whatever it may think of a client without a
    certificate; another one is asked for its API versions. Neither needs a login.
    """
    greeting = _client_hello() if secured else struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS
    try:
        with socket.create_connection((address, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(greeting)
            answered = connection.recv(1)
    except OSError as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EffectFailed(f"{address}:{port} does not answer: {reason}") from None
    if not answered:
        raise EffectFailed(f"{address}:{port} does not answer: it closed the connection")


def _client_hello() -> bytes:
    """What a client says first; nothing is verified, since nothing is told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()
