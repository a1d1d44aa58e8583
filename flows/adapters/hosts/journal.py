"""The log of a unit, line by line, as the host's journal has it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import paramiko

from flows.adapters.hosts.connection import Connection, Unreachable

# The remote reader ends when its input does, so closing the channel ends it, too; by itself
# `journalctl --follow` would notice only with the next line.
_FOLLOW = "{reader} --follow & reader=$!; cat >/dev/null; kill $reader"


def lines(connection: Connection, unit: str, since: str, follow: bool) -> Iterator[str]:
    """Lines since a time that journalctl reads (`1 hour ago`); nothing runs on after closing."""
    options = "--no-pager --quiet --output=short-iso"
    reader = f"journalctl {options} --unit={shlex.quote(unit)} --since={shlex.quote(since)}"
    command = _FOLLOW.format(reader=reader) if follow else reader
    with connection.open(f"sh -c {shlex.quote(command)}") as channel:
        channel.settimeout(None if follow else 30.0)
        yield from _split(channel, connection)


def _split(channel: paramiko.Channel, connection: Connection) -> Iterator[str]:
    rest = b""
    while data := _receive(channel, connection):
        *whole, rest = (rest + data).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _receive(channel: paramiko.Channel, connection: Connection) -> bytes:
    try:
        return bytes(channel.recv(1 << 16))
    except (OSError, EOFError) as error:
        raise Unreachable(f"{connection.machine.name}: the log broke off: {error}") from None
