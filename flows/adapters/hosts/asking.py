"""A Python file sent to a host as text, one of its functions called there, its answer as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.adapters.hosts.connection import Connection
from flows.domain.errors import EffectFailed

_CALL = """
import json, sys
try:
    answer = {{"answer": {function}(**json.loads({arguments!r}))}}
except Exception as error:
    answer = {{"error": f"{{error}}", "kind": type(error).__name__}}
json.dump(answer, sys.stdout)
"""


def ask(connection: Connection, source: Path, function: str, **arguments: Any) -> Any:
    """What the function said; EffectFailed with its sentence when it raised an error."""
    call = _CALL.format(function=function, arguments=json.dumps(arguments))
    given = f"{source.read_text(encoding='utf-8')}\n{call}".encode()
    answer = connection.run("python3 -I -", given)
    name = connection.machine.name
    if answer.code or not answer.output:
        raise EffectFailed(f"{name}: {source.stem} ended with {answer.code}: {answer.errors}")
    told: Mapping[str, Any] = json.loads(answer.output)
    if "error" in told:
        raise EffectFailed(f"{name}: {told['error'] or told['kind']}")
    return told["answer"]
