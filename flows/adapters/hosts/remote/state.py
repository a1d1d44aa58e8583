"""What a host says of itself: marker, units, what is applied, how full the data disk is."""

import hashlib
import ipaddress
import json
import os
import subprocess
import sys
from typing import Any

STATE = "/etc/kafka-fleet"
DISTRIBUTIONS = "/opt/kafka"
DATA = "/srv/kafka"
UNITS = ("zookeeper.service", "kafka.service")


def state() -> dict[str, Any]:
    """Everything `observe` needs, as one JSON object."""
    units = _units()
    total, used = _disk()
    return {
        "owner": _text("owner") or None,
        "epoch": int(_text("epoch") or 0),
        "units": units,
        "started_generation": _json("started.json").get("generation", 0),
        "distributions": _distributions(),
        "digests": _digests(),
        "memory_used_mb": _memory_used_mb(),
        "default_gateway": _default_gateway(),
        "disk_total_bytes": total,
        "disk_used_bytes": used,
    }


def _text(name: str) -> str:
    try:
        with open(os.path.join(STATE, name), encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def _json(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_text(name) or "{}")
    return found


def _units() -> dict[str, dict[str, str]]:
    """The state of each unit; the start of its process in microseconds since 1970."""
    asked = "Id,LoadState,ActiveState,SubState,ExecMainStartTimestamp"
    told = subprocess.run(
        ["systemctl", "show", "--timestamp=us+utc", f"--property={asked}", *UNITS],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    ).stdout
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines())
        for block in told.strip().split("\n\n")
    ]
    return {block.pop("Id"): block for block in blocks}


def _distributions() -> list[str]:
    names = os.listdir(DISTRIBUTIONS) if os.path.isdir(DISTRIBUTIONS) else []
    return sorted(
        name for name in names if os.path.exists(os.path.join(DISTRIBUTIONS, name, ".complete"))
    )


def _digests() -> dict[str, str]:
    """What really lies at each path that was applied; a missing file is left out."""
    parts = _json("applied.json").get("files", {}).values()
    paths = sorted({path for part in parts for path in part})
    return {path: _digest(path) for path in paths if os.path.isfile(path)}


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _memory_used_mb() -> int:
    """What cannot be given to anybody else: caches that can go do not count."""
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    total, available = (int(fields[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    return (total - available) // 1024


def _default_gateway() -> str:
    """The next hop of the default route with the lowest metric; empty when there is none."""
    with open("/proc/net/route", encoding="ascii") as file:
        routes = [line.split() for line in file.read().splitlines()[1:]]
    found = [row for row in routes if row[1] == "00000000" and row[7] == "00000000"]
    if not found:
        return ""
    gateway = min(found, key=lambda row: int(row[6]))[2]
    # The kernel writes the address as a number of the host's own byte order.
    return str(ipaddress.IPv4Address(int(gateway, 16).to_bytes(4, sys.byteorder)))


def _disk() -> tuple[int, int]:
    """Bytes of the data disk and bytes in use; zeros when it is not mounted."""
    if not os.path.ismount(DATA):
        return 0, 0
    found = os.statvfs(DATA)
    total = found.f_blocks * found.f_frsize
    return total, total - found.f_bavail * found.f_frsize
