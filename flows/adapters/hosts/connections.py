"""The open connections to machines that one key opens; each is made once, closed in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from flows.adapters.hosts.connection import Connection, Unreachable
from flows.domain.instance import Machine

T = TypeVar("T")


class Connections:
    """Connections by machine; machines are talked to in parallel, a new one is made by one thread.

    A machine that was made anew (another generation, address or host key) gets a new connection.
    """

    def __init__(self, key: Callable[[], str], *, rooted: bool = True) -> None:
        """`key` gives the private key's text when a connection is made; see `Connection`."""
        self._key = key
        self._rooted = rooted
        self._open: dict[Machine, Connection] = {}
        self._making: dict[Machine, threading.Lock] = {}
        self._lock = threading.Lock()

    def ask(self, machine: Machine, question: Callable[[Connection], T]) -> T:
        """The answer to a question that may be asked twice; Unreachable when there is none.

        A connection that was open before may have died unnoticed: then a new one is tried once.
        """
        connection, fresh = self._connection(machine)
        try:
            return question(connection)
        except Unreachable:
            self._drop(machine, connection)
            if fresh:
                raise
        connection, _ = self._connection(machine)
        return question(connection)

    def open_to(self, machine: Machine) -> bool:
        """Whether a connection is open that nobody has seen dead."""
        with self._lock:
            present = self._open.get(machine)
        return present is not None and present.alive

    def close(self) -> None:
        """No connection is open."""
        with self._lock:
            left, self._open = list(self._open.values()), {}
        for connection in left:
            connection.close()

    def _connection(self, machine: Machine) -> tuple[Connection, bool]:
        """The connection, and whether it was made just now."""
        with self._lock:
            making = self._making.setdefault(machine, threading.Lock())
        with making:
            present = self._open.get(machine)
            if present is not None and present.alive:
                return present, False
            made = Connection(machine, self._key(), rooted=self._rooted)
            with self._lock:
                self._open[machine] = made
            return made, True

    def _drop(self, machine: Machine, connection: Connection) -> None:
        connection.close()
        with self._lock:
            if self._open.get(machine) is connection:
                del self._open[machine]
