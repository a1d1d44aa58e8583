"""Files put on a host, and units that load them, by the code that Ansible's modules are made of.

It stands alone: it is sent to a host as text, and the code of the modules with it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGE = "kafka_fleet"
STANDARD = {"group": None, "encoding": "text"}
"""What Ansible fills in where a file does not say it."""


class SentCode:
    """Finds the modules of the package in what was sent: nothing of it is written on the host."""

    def __init__(self, code: Mapping[str, str]) -> None:
        """`code` is name within the package -> text."""
        self._code = code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """How such a module is made; None for every other."""
        package, _, inner = name.partition(".")
        if package != PACKAGE or (inner and inner not in self._code):
            return None
        return ModuleSpec(name, self, is_package=not inner)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """One as any other."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """The module has what its text says."""
        text = self._code.get(module.__name__.partition(".")[2], "")
        exec(compile(text, module.__name__, "exec"), module.__dict__)


def deliver(
    code: Mapping[str, str],
    claim: Mapping[str, Any],
    files: Mapping[str, Sequence[Mapping[str, str]]],
    units: Mapping[str, Any],
) -> list[str]:
    """The files of each part lie on the host, all others stay, and units are as wished.

    Answers what had to be done, in words. Who may not change the host is refused. Nobody else can
    take it meanwhile: a newer operation begins once this is done, and no older one comes after.
    """
    sys.meta_path.insert(0, SentCode(code))
    claims: Any = importlib.import_module(f"{PACKAGE}.claim")
    claims.claim(**claim)
    with claims.locked(claim["state"]):
        claims.claim(**claim, write=False)
        written = [path for part in files for path in _write(claim["state"], part, files[part])]
        return [*written, *_bring(claim["state"], units)]


def _write(state: str, part: str, files: Sequence[Mapping[str, str]]) -> list[str]:
    named = [{**STANDARD, **file} for file in files]
    asked = {"state_directory": state, "directories": [], "files": named, "keep": True}
    options: Any = importlib.import_module(f"{PACKAGE}.options")
    delivering: Any = importlib.import_module(f"{PACKAGE}.files")
    changes = delivering.deliver(options.delivery(asked, part, check=False))
    return [change.path for change in changes]


def _bring(state: str, units: Mapping[str, Any]) -> list[str]:
    if not units:
        return []
    code: Any = importlib.import_module(f"{PACKAGE}.units")
    return list(code.bring(code.Wished(state=state, **units)))
