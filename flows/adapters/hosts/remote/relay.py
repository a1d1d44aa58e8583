"""Passes bytes between a port of this host and whoever started this, until either side ends it."""

import os
import socket
import threading
from contextlib import suppress


def relay(address: str, port: int) -> None:
    """Standard input goes to the port, what comes from there to standard output."""
    connection = socket.create_connection((address, port), timeout=5)
    connection.settimeout(None)
    threading.Thread(target=_upward, args=(connection,), daemon=True).start()
    with suppress(ConnectionError):  # A connection that is reset has ended as well.
        while data := connection.recv(65536):
            _write(data)


def _upward(connection: socket.socket) -> None:
    with suppress(OSError):
        while data := os.read(0, 65536):
            connection.sendall(data)
        # Nobody waits for an answer any more: the other loop ends too.
        connection.shutdown(socket.SHUT_RDWR)


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
