"""The rule of each field; who breaks it is told the value and what is accepted."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62})")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_DEVICE = re.compile(r"/dev/[A-Za-z0-9/_.:-]+")
CLIENTS = ("lan", "outside", "endpoint")
HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ssh-rsa")


class FieldRefused(ValueError):
    """The value breaks the field's rule."""


def name(value: object) -> str:
    """A name for people: a host or a zone."""
    return _matching(value, _NAME, "1 to 63 letters, digits, dots, - and _ are accepted")


def user(value: object) -> str:
    """A user of a Linux machine."""
    return _matching(value, _USER, "the name of a Linux user is accepted")


def device(value: object) -> str:
    """A block device."""
    return _matching(value, _DEVICE, "the path of a block device, such as /dev/vdb, is accepted")


def address(value: object) -> str:
    """An IPv4 address that a machine can have."""
    rule = f'"{value}": the IPv4 address of a machine is accepted'
    try:
        found = IPv4Address(str(value))
    except AddressValueError:
        raise FieldRefused(rule) from None
    if found.is_loopback or found.is_multicast or found.is_unspecified or found.is_link_local:
        raise FieldRefused(rule)
    return str(found)


def network(value: object) -> str:
    """A network of clients."""
    try:
        return str(IPv4Network(str(value)))
    except ValueError:
        raise FieldRefused(f'"{value}": an IPv4 network such as 192.0.2.0/24 is accepted') from None


def clients(value: object) -> str:
    """Which clients a vantage is among."""
    if value not in CLIENTS:
        raise FieldRefused(f'"{value}": one of {", ".join(CLIENTS)} is accepted')
    return str(value)


def size(value: object) -> int:
    """A whole number, at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise FieldRefused(f'"{value}": a whole number from 1 on is accepted')
    return value


def port(value: object) -> int:
    """A TCP port."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65_535:
        raise FieldRefused(f'"{value}": a TCP port from 1 to 65535 is accepted')
    return value


def host_key(value: object) -> str:
    """A public key as OpenSSH writes it, without its comment."""
    words = str(value).split()
    if len(words) >= 2 and words[0] in HOST_KEYS and _key_kind(words[1]) == words[0]:
        return f"{words[0]} {words[1]}"
    raise FieldRefused(
        "is no public key: one line such as `ssh-ed25519 AAAA...` is accepted, of the kinds "
        + ", ".join(HOST_KEYS)
    )


def _key_kind(encoded: str) -> str:
    """The kind that stands inside of a key; empty when it is none."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return ""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", errors="replace")


def _matching(value: object, rule: re.Pattern[str], accepted: str) -> str:
    if not isinstance(value, str) or not rule.fullmatch(value):
        raise FieldRefused(f'"{value}": {accepted}')
    return value
