"""What a gateway translates for one instance, now and after a boot; nothing is changed."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

NFT = "/usr/sbin/nft"


def translation(
    table: str, unit: str, path: str, privates: list[str], eips: list[str]
) -> dict[str, Any]:
    """Everything that says whether rules are in force, may be made, and will be there again."""
    return {
        "forwards": _text("/proc/sys/net/ipv4/ip_forward").strip() == "1",
        "addresses": _addresses(),
        "sources": {private: _source_towards(private) for private in privates},
        "filed": _text(path),
        "live": _json([NFT, "-j", "list", "table", "ip", table]),
        "enabled": _output(["systemctl", "is-enabled", unit]).strip() == "enabled",
        "foreign": _foreign(table, eips),
    }


def _addresses() -> list[str]:
    found = _json(["ip", "-4", "-json", "addr"]) or []
    return sorted({each["local"] for link in found for each in link.get("addr_info", ())})


def _source_towards(address: str) -> str:
    """The address that the kernel would send from; empty when there is no route."""
    routes = _json(["ip", "-4", "-json", "route", "get", address]) or [{}]
    return str(routes[0].get("prefsrc", ""))


def _foreign(table: str, eips: list[str]) -> list[str]:
    """Tables of others in which one of the EIPs stands."""
    found = []
    for present in _tables():
        family, name = present.split()
        if name == table:
            continue
        listed = _output([NFT, "list", "table", family, name])
        for eip in eips:
            if re.search(rf"(?<![\d.]){re.escape(eip)}(?![\d.])", listed):
                found.append(f"table {present} speaks of {eip}")
    return found


def _tables() -> list[str]:
    told = _output([NFT, "list", "tables"])
    return [line.partition(" ")[2].strip() for line in told.splitlines() if line.strip()]


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _json(command: list[str]) -> Any:
    told = _output(command)
    return json.loads(told) if told.strip() else None


def _output(command: list[str]) -> str:
    """What it wrote; nothing when it failed, as for a table that there is not."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout if done.returncode == 0 else ""
