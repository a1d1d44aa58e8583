"""A Python file sent to a host as text, one of its functions called there, its answer as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.adapters.hosts.connection import Connection
from flows.domain.errors import EffectFailed

# It ends without Python's own clean-up: while a broker is muted all writes wait for its answer.
_CALLS = """
import json, os, sys
try:
    for source, function, arguments in json.loads({calls!r}):
        names = {{"__name__": "__main__"}}
        exec(compile(source, function, "exec"), names)
        answer = {{"answer": names[function](**arguments)}}
except Exception as error:
    answer = {{"error": f"{{error}}", "kind": type(error).__name__}}
json.dump(answer, sys.stdout)
sys.stdout.flush()
os._exit(0)
"""


@dataclass(frozen=True)
class Call:
    """A function of a file, and what it is given."""

    source: Path
    function: str
    arguments: Mapping[str, Any]


def ask(connection: Connection, source: Path, function: str, **arguments: Any) -> Any:
    """What the function said; EffectFailed with its sentence when it raised an error."""
    return ask_in_turn(connection, Call(source, function, arguments))


def ask_in_turn(connection: Connection, *calls: Call) -> Any:
    """What the last of the functions said; the first that raises an error ends it.

    One process for all of them: a Python that starts costs a host more than what it does.
    """
    told = [(each.source.read_text(encoding="utf-8"), each.function, dict(each.arguments))
            for each in calls]  # fmt: skip
    given = _CALLS.format(calls=json.dumps(told)).encode()
    answer = connection.run("python3 -I -", given)
    name = connection.machine.name
    if answer.code or not answer.output:
        stem = calls[-1].source.stem
        raise EffectFailed(f"{name}: {stem} ended with {answer.code}: {answer.errors}")
    said: Mapping[str, Any] = json.loads(answer.output)
    if "error" in said:
        raise EffectFailed(f"{name}: {said['error'] or said['kind']}")
    return said["answer"]
