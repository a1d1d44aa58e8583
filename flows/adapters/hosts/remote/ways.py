"""How clients come in on this host: what its kernel filters, what its broker starts with."""

import subprocess
from typing import Any


def ways(table: str, path: str, keys: list[str]) -> dict[str, Any]:
    """The table as nftables' JSON, empty without one; and these keys of a file of properties."""
    argv = ["/usr/sbin/nft", "--json", "list", "table", "inet", table]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    if told.returncode and "No such file" not in told.stderr:
        raise RuntimeError(f"nft: {told.stderr.strip()}")
    return {"table": told.stdout if not told.returncode else "", "file": _properties(path, keys)}


def _properties(path: str, keys: list[str]) -> dict[str, str]:
    """Values of these keys alone: what else is in the file does not leave the host."""
    try:
        with open(path, encoding="utf-8") as file:
            pairs = [line.rstrip("\n").partition("=") for line in file]
    except FileNotFoundError:
        return {}
    return {key: value for key, _, value in pairs if key in keys}
