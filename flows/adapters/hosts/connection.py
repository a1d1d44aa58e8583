"""One SSH connection to a machine whose host key is pinned; every wait has a limit."""

from __future__ import annotations

import base64
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from typing import BinaryIO

import paramiko

from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine

CONNECT_SECONDS = 5.0
_KEEPALIVE_SECONDS = 10
_DEAD_AFTER_MS = 30_000
_CHUNK = 1 << 18

# Whatever it logs as an error is raised as well.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class Unreachable(Exception):
    """The machine does not answer, or no longer."""


@dataclass(frozen=True)
class Answer:
    """What a command wrote and how it ended."""

    output: bytes
    errors: str
    code: int


class Connection:
    """An open connection. It may be used by several threads at once, each with its channel."""

    def __init__(self, machine: Machine, key: str, *, rooted: bool = True) -> None:
        """Connects; Unreachable, or EffectFailed when somebody else answers or we are unknown.

        With `rooted` commands run as root, otherwise as the user who logs in.
        """
        self.machine = machine
        self._sudo = "" if machine.user == "root" or not rooted else "sudo -n "
        self._client = _connect(machine, key)

    @property
    def alive(self) -> bool:
        """Whether nobody has closed it yet; a dead peer shows only when it is used."""
        transport = self._client.get_transport()
        return transport is not None and transport.is_active()

    def run(self, command: str, given: bytes = b"", limit: float = 30.0) -> Answer:
        """Runs a command as root with `given` as its input; Unreachable without an answer in time.

        `given` is small (a script): it is sent before anything is read.
        """
        deadline = time.monotonic() + limit
        try:
            with self.open(command) as channel:
                channel.settimeout(limit)
                channel.sendall(given)
                channel.shutdown_write()
                return _answer(channel, deadline)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise self._lost(error) from None

    def send(self, command: str, source: BinaryIO, limit: float = 300.0) -> Answer:
        """Runs a command as root that reads a whole file."""
        deadline = time.monotonic() + limit
        try:
            with self.open(command) as channel:
                channel.settimeout(30)
                _pour(source, channel, deadline)
                return _answer(channel, deadline)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise self._lost(error) from None

    def open(self, command: str) -> paramiko.Channel:
        """A channel on which the command runs as root."""
        transport = self._client.get_transport()
        if transport is None:
            raise Unreachable(f"{self.machine.name}: the connection is closed")
        channel = transport.open_session(timeout=CONNECT_SECONDS)
        channel.exec_command(f"{self._sudo}{command}")
        return channel

    def close(self) -> None:
        """The connection is closed; closing it twice does no harm."""
        self._client.close()

    def _lost(self, error: Exception) -> Unreachable:
        words = str(error) or type(error).__name__
        return Unreachable(f"{self.machine.name} ({self.machine.address}) gave no answer: {words}")


def _connect(machine: Machine, key: str) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    kind, _, rest = machine.host_key.partition(" ")
    pinned = paramiko.PKey.from_type_string(kind, base64.b64decode(rest.split()[0]))
    client.get_host_keys().add(machine.known_as, kind, pinned)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        client.connect(
            machine.address,
            port=machine.port,
            username=machine.user,
            pkey=_private_key(key),
            sock=_socket(machine),
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
            channel_timeout=CONNECT_SECONDS,
            allow_agent=False,
            look_for_keys=False,
        )
    except paramiko.BadHostKeyException:
        raise _refused(machine, "another host key than the pinned one is shown there") from None
    except paramiko.AuthenticationException:
        raise _refused(machine, f"the SSH key is not accepted for {machine.user}") from None
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise Unreachable(f"{machine.name} ({machine.address}) gave no answer: {error}") from None
    return client


def _private_key(text: str) -> paramiko.PKey:
    """The key of an instance is Ed25519; a person's own may be of another kind."""
    kinds: tuple[type[paramiko.PKey], ...] = (
        paramiko.Ed25519Key,
        paramiko.ECDSAKey,
        paramiko.RSAKey,
    )
    for kind in kinds:
        with suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(StringIO(text))
    raise EffectFailed("the SSH key is none: a private key without a passphrase is needed")


def _socket(machine: Machine) -> socket.socket:
    connected = socket.create_connection((machine.address, machine.port), timeout=CONNECT_SECONDS)
    # Without it each small packet waits for the acknowledgement of the one before: 40 ms.
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER_MS)
    return connected


def _refused(machine: Machine, why: str) -> EffectFailed:
    return EffectFailed(f"{machine.name} ({machine.address}) is not talked to: {why}")


def _pour(source: BinaryIO, channel: paramiko.Channel, deadline: float) -> None:
    """All of the source, unless the command ends before it has read it."""
    try:
        while chunk := source.read(_CHUNK):
            if time.monotonic() > deadline:
                raise TimeoutError("the transfer took too long")
            channel.sendall(chunk)
        channel.shutdown_write()
    except OSError:
        if not channel.exit_status_ready():
            raise


def _answer(channel: paramiko.Channel, deadline: float) -> Answer:
    output = _read(channel, channel.recv, deadline)
    errors = _read(channel, channel.recv_stderr, deadline).decode(errors="replace").strip()
    if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
        raise TimeoutError("the command did not end in time")
    return Answer(output, errors, channel.recv_exit_status())


def _read(channel: paramiko.Channel, receive: Callable[[int], bytes], deadline: float) -> bytes:
    """Everything until the end, however slowly it drips, but not beyond the deadline."""
    chunks: list[bytes] = []
    while True:
        channel.settimeout(max(0.01, deadline - time.monotonic()))
        chunk = receive(_CHUNK)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
