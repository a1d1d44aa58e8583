"""ControlledShutdown, sent by the product itself (KIP-380 for version 2).

A broker sends it too when it stops, but only once: a partition's leader may put it back into the
in-sync set a moment later, and all writes wait for a broker that does not fetch any more. So the
product sends it before the stop, and again until the broker stays out.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from flows.adapters.kafka.connection import Credentials
from flows.domain.errors import EffectFailed

SECONDS = 15.0
_API_KEY, _CORRELATION, _CLIENT = 7, 1, b"kafka-fleet"
_NOBODY, _ANY_REGISTRATION, _NO_SUCH_BROKER = 0, -1, 8
_ERRORS = {
    11: "the controller has changed",
    31: "the product may not do that",
    41: "it is not the controller",
    77: "the broker has registered anew meanwhile",
}


Address = tuple[str, int]


@dataclass(frozen=True)
class ShutdownRequest:
    """Who shall leave: a broker by its id and its registration (czxid)."""

    version: int
    broker: int
    registration: int

    def encoded(self) -> bytes:
        """The request with its header and its size."""
        head = struct.pack(">hhih", _API_KEY, self.version, _CORRELATION, len(_CLIENT)) + _CLIENT
        body = struct.pack(">i", self.broker)
        if self.version >= 2:
            body += struct.pack(">q", self.registration)
        return struct.pack(">i", len(head) + len(body)) + head + body


class Controllers:
    """Controllers as they are asked: each time over a new connection, or over one kept open."""

    def __init__(self) -> None:
        self._open: dict[Address, ssl.SSLSocket] = {}

    @contextmanager
    def near(self, credentials: Credentials, controller: Address) -> Iterator[None]:
        """Inside, this controller is asked over a connection that is open already."""
        with ExitStack() as stack:
            # One that cannot be connected to is told by the question.
            with suppress(OSError):
                self._open[controller] = stack.enter_context(_connected(credentials, controller))
            try:
                yield
            finally:
                self._open.pop(controller, None)

    def shut_down(
        self, credentials: Callable[[], Credentials], controller: Address, request: ShutdownRequest
    ) -> tuple[str, ...]:
        """The controller did what it could; the partitions that the broker still leads."""
        where = f"controller at {controller[0]}:{controller[1]}"
        try:
            if (connection := self._open.get(controller)) is not None:
                return _asked(connection, request, where)
            with _connected(credentials(), controller) as connection:
                return _asked(connection, request, where)
        except OSError as error:
            self._open.pop(controller, None)
            raise EffectFailed(f"{where}: shutting broker {request.broker} down: {error}") from None


def check_controls(credentials: Credentials, controller: Address, version: int) -> None:
    """The controller has got to what it was asked; EffectFailed when it does not control.

    One that was elected just now first reads everything, and all else waits meanwhile. It is asked
    to shut a broker down that nobody has: that changes nothing, and waits its turn.
    """
    where = f"controller at {controller[0]}:{controller[1]}"
    try:
        with _connected(credentials, controller) as connection:
            answer = _answer(connection, ShutdownRequest(version, _NOBODY, _ANY_REGISTRATION))
    except OSError as error:
        raise EffectFailed(f"{where} does not answer: {error}") from None
    _check(answer, where, _NO_SUCH_BROKER)


def _asked(connection: ssl.SSLSocket, request: ShutdownRequest, where: str) -> tuple[str, ...]:
    return _remaining(_answer(connection, request), where)


def _answer(connection: ssl.SSLSocket, request: ShutdownRequest) -> bytes:
    connection.sendall(request.encoded())
    (size,) = struct.unpack(">i", _read(connection, 4))
    return _read(connection, size)


def _check(answer: bytes, where: str, expected: int = 0) -> None:
    _, error = struct.unpack_from(">ih", answer)
    if error not in (0, expected):
        words = _ERRORS.get(error, f"error {error}")
        raise EffectFailed(f"{where} does not take a broker out: {words}")


def _remaining(answer: bytes, where: str) -> tuple[str, ...]:
    _check(answer, where)
    (count,) = struct.unpack_from(">i", answer, struct.calcsize(">ih"))
    found, at = [], struct.calcsize(">ihi")
    for _ in range(count):
        (length,) = struct.unpack_from(">h", answer, at)
        topic = answer[at + 2 : at + 2 + length].decode()
        (partition,) = struct.unpack_from(">i", answer, at + 2 + length)
        at += 2 + length + 4
        found.append(f"{topic}-{partition}")
    return tuple(found)


def _read(connection: socket.socket, size: int) -> bytes:
    chunks = b""
    while len(chunks) < size:
        chunk = connection.recv(size - len(chunks))
        if not chunk:
            raise ConnectionError("it closed the connection")
        chunks += chunk
    return chunks


@contextmanager
def _connected(credentials: Credentials, address: Address) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cadata=credentials.internal_ca_pem)
    # Python reads a key from files only; these two never touch a disk.
    with (
        _in_memory(credentials.control_certificate_pem) as certificate,
        _in_memory(credentials.control_key_pem) as key,
    ):
        context.load_cert_chain(certificate, key)
    with (
        socket.create_connection(address, timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as connection,
    ):
        yield connection


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
