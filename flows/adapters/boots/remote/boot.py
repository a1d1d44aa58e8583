"""What this host would do at its next boot: which firewall it would load, and whether."""

import hashlib
import subprocess
from typing import Any


def boot(path: str, unit: str) -> dict[str, Any]:
    """The digest of the file of rules, empty without one; and whether its unit is enabled."""
    return {"file": _digest(path), "enabled": _enabled(unit)}


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return ""


def _enabled(unit: str) -> bool:
    argv = ["systemctl", "show", "--property=UnitFileState", "--value", unit]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    return told.stdout.strip() == "enabled"
