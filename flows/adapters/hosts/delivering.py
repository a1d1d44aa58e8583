"""Files for a host, sent with the code that writes them there: that of Ansible's own modules.

So a host holds the same, and notes the same in `applied.json`, whoever delivered it, and a play
that comes later finds nothing to change. What is sent goes through the standard input of one
process, is in no argument and no environment, and is written nowhere but in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from flows.adapters.hosts.asking import Call
from flows.domain.host_files import HostFile, as_variable

SHARED = Path(__file__).parents[3] / "playbooks/module_utils/kafka_fleet"
"""There is one rule for who may change a host, and one way in which files get there."""
_DELIVERING = Path(__file__).parent / "remote/delivering.py"
_CODE = ("applied", "broker", "claim", "commands", "files", "options", "units", "writing")

Claim = Mapping[str, Any]
"""State directory, owner and epoch: as whom, and as which operation, a host is changed."""


def delivery(claim: Claim, files: Iterable[HostFile], units: Mapping[str, Any]) -> Call:
    """What is asked of a host; `units` are the wishes of the module `managed_units`."""
    parts: dict[str, list[dict[str, str]]] = {}
    for file in files:
        parts.setdefault("secret" if file.secret else "public", []).append(as_variable(file))
    given = {"code": _code(), "claim": dict(claim), "files": parts, "units": dict(units)}
    return Call(_DELIVERING, "deliver", given)


@cache
def _code() -> Mapping[str, str]:
    return {name: (SHARED / f"{name}.py").read_text(encoding="utf-8") for name in _CODE}
