"""A connection that a host makes to a port of its own, talked over through SSH.

A few lines of Python on the host pass the bytes on, not SSH's own forwarding: hardened hosts
forbid that. What is said in TLS is encrypted between the broker and the control plane.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import paramiko

from flows.adapters.hosts.connection import Connection, Unreachable
from flows.adapters.hosts.connections import Connections
from flows.adapters.site import Stream
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine

SECONDS = 5.0
_RELAY = Path(__file__).parent / "remote" / "relay.py"

T = TypeVar("T")


class HostTunnel:
    """Implements `Tunnel`."""

    def __init__(self, connections: Connections, machine: Machine, port: int) -> None:
        self._connections = connections
        self._machine = machine
        self._port = port

    def talk(self, conversation: Callable[[Stream], T]) -> T:
        """What came of it; it may be begun twice, as a connection can have died unnoticed."""
        try:
            return self._connections.ask(
                self._machine, lambda open_: self._over(open_, conversation)
            )
        except Unreachable as error:
            raise EffectFailed(str(error)) from None

    def _over(self, connection: Connection, conversation: Callable[[Stream], T]) -> T:
        command = relay_command(self._machine.address, self._port)
        try:
            with connection.open(command) as channel:
                channel.settimeout(SECONDS)
                return conversation(channel)
        except (EOFError, paramiko.SSHException) as error:
            words = str(error) or type(error).__name__
            raise Unreachable(f"{self._machine.name} gave no answer: {words}") from None


def relay_command(address: str, port: int) -> str:
    """Python with the relay as its argument, because its input is what is to be passed on."""
    source = f"{_RELAY.read_text(encoding='utf-8')}\nrelay({address!r}, {port})\n"
    packed = base64.b64encode(source.encode()).decode()
    return f"python3 -I -c \"import base64; exec(base64.b64decode('{packed}'))\""
