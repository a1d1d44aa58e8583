"""TLS handshakes with a listener: each is a connection of its own, bounded in time.

Nothing is verified here: what is served is read whatever it is, and judged by who asked.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from certs.facts import describe
from certs.leaf import Leaf
from flows.adapters.site import Stream, Tunnel
from flows.domain.errors import EffectFailed
from flows.domain.served import ServedChain

SECONDS, _CHUNK = 5.0, 1 << 14
_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, 11) + b"kafka-fleet"


class TlsHandshakes:
    """Implements `Tls`."""

    def served(
        self,
        address: str,
        port: int,
        *,
        server_name: str | None = None,
        client: Leaf | None = None,
        tunnel: Tunnel | None = None,
    ) -> ServedChain:
        """The chain that is served there; EffectFailed when no handshake succeeds.

        `server_name` is asked for by SNI where clients know a name instead of the address.
        """
        with _refusals(address, port):
            if tunnel is not None:
                ders = tunnel.talk(lambda stream: _chain_over(stream, _context(client)))
            else:
                with _connected((address, port), server_name, client) as found:
                    ders = _chain(found)
        pems = tuple(ssl.DER_cert_to_PEM_cert(each).encode() for each in ders)
        if not pems:
            raise EffectFailed(f"{address}:{port}: it served no certificate")
        facts = describe(pems[0])
        return ServedChain(pems, facts.serial, facts.not_after)

    def accepts(self, address: str, port: int, client: Leaf | None) -> bool:
        """Whether the listener, which asks no password, answers a request of this client.

        With TLS 1.3 the client's handshake succeeds before its certificate is looked at, so a
        request has to be sent. EffectFailed when nothing listens there.
        """
        with _refusals(address, port):
            plain = socket.create_connection((address, port), timeout=SECONDS)
        try:
            with plain, _context(client).wrap_socket(plain) as connection:
                connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
                return bool(connection.recv(4))
        except TimeoutError:
            raise EffectFailed(f"{address}:{port}: no answer within {SECONDS:g} s") from None
        except OSError:  # an alert of the server, or a connection that it closed
            return False


@contextmanager
def _refusals(address: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EffectFailed(f"{address}:{port}: no TLS handshake: {reason}") from None


@contextmanager
def _connected(
    address: tuple[str, int], server_name: str | None, client: Leaf | None
) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(address, timeout=SECONDS) as plain,
        _context(client).wrap_socket(plain, server_hostname=server_name) as connection,
    ):
        yield connection


def _context(client: Leaf | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if client is not None:
        _show(context, client)
    return context


def _show(context: ssl.SSLContext, client: Leaf) -> None:
    # Python reads a key from a file only: this one has no name and lies on no disk.
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    with open(descriptor, "wb") as file:
        file.write(b"\n".join([client.certificate_pem, *client.chain, client.key_pem]))
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")


def _chain_over(stream: Stream, context: ssl.SSLContext) -> list[bytes]:
    """The same over what is no socket: bytes are carried to and fro by hand."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing)
    while not _shaken(connection):
        stream.sendall(outgoing.read())
        answer = stream.recv(_CHUNK)
        if not answer:
            raise ConnectionError("the connection was closed")
        incoming.write(answer)
    return _chain(connection)


def _shaken(connection: ssl.SSLObject) -> bool:
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _chain(connection: ssl.SSLSocket | ssl.SSLObject) -> list[bytes]:
    """Every certificate that was sent, as DER."""
    public = getattr(connection, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    # Python has it since 3.10, under this name; 3.13 gave it a public one.
    inner: Any = connection._sslobj  # type: ignore[union-attr]
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain()]
