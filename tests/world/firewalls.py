"""What the kernel of a fake host filters, from the text that it loaded."""

from __future__ import annotations

import re

from flows.domain.loaded_firewall import LoadedFirewall, networks

_PORT = re.compile(
    r"^\s+(?:ip saddr != \{ (?P<sources>[^}]+) \} )?tcp dport (?P<port>\d+) drop$", re.M
)
_IPV6 = re.compile(r"meta nfproto ipv6 tcp dport \{ ([^}]+) \} drop")


def filtered(text: str) -> LoadedFirewall | None:
    """The rules of the text; none when nothing was loaded."""
    if not text:
        return None
    allowed = {
        int(each["port"]): networks((each["sources"] or "").split(", ") if each["sources"] else ())
        for each in _PORT.finditer(text)
    }
    closed = (int(port) for found in _IPV6.findall(text) for port in found.split(", "))
    return LoadedFirewall(allowed, frozenset(closed))
