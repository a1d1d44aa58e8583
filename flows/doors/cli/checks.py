"""`fleet test` and `fleet bench`: the proof that this checkout is right, stage by stage."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.domain.errors import Refused
from flows.settings import CHECKOUT, load_settings

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Stage:
    """One tool and how it is called."""

    name: str
    argv: tuple[str, ...]


def check_all(*, everything: bool, without_lab: bool) -> int:
    """Every stage has passed, or the first that did not is named; answers the exit code.

    Pytest comes last, so that its closing line is the last one when all is well.
    """
    missing = _missing_for_lab()
    *static, tests = stages(everything=everything, with_lab=not missing)
    if not all(_passes(stage) for stage in static):
        return 1
    if missing:
        _say_skipped(missing)
    if not _passes(tests, quietly=True):
        return 1
    if missing and not without_lab:
        print("── FAILED: without the lab this is no proof; --without-lab accepts that")
        return 1
    return 0


def stages(*, everything: bool, with_lab: bool) -> tuple[Stage, ...]:
    """The stages in their order: what is quick and static first."""
    unwanted = [mark for mark, wanted in (("lab", with_lab), ("slow", everything)) if not wanted]
    marks = " and ".join(f"not {mark}" for mark in unwanted)
    return (
        Stage("ruff check", _tool("ruff", "check")),
        Stage("ruff format", _tool("ruff", "format", "--check")),
        Stage("mypy", _tool("mypy")),
        Stage("import-linter", _tool("lint-imports")),
        Stage(
            "ansible-lint",
            _tool("ansible-lint", "--offline", "--profile", "production", "playbooks"),
        ),
        Stage("pytest", _tool("pytest", *(("-m", marks) if marks else ()))),
    )


def benchmark(name: str, arguments: Sequence[str]) -> int:
    """The benchmark has run with its own arguments; answers its exit code."""
    folder = CHECKOUT / "benchmarks"
    known = sorted(path.stem for path in folder.glob("[a-z]*.py"))
    if name not in known:
        raise Refused(f'benchmark "{name}": there is none; accepted are {", ".join(known)}')
    argv = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(argv, cwd=CHECKOUT, check=False).returncode


def _missing_for_lab() -> list[str]:
    """What this machine lacks to carry a lab, one sentence each."""
    from inventories.lab import doctor  # noqa: PLC0415

    settings = load_settings()
    found = doctor.check(settings.lab_root, settings.lab_network)
    return [f"{each.name}: {each.sentence}; {each.remedy}" for each in found if each.fatal]


def _say_skipped(missing: Sequence[str]) -> None:
    print(f"── {_count_lab_tests()} tests in the lab are SKIPPED, because this machine lacks")
    for sentence in missing:
        print(f"   {sentence}")


def _passes(stage: Stage, *, quietly: bool = False) -> bool:
    print(f"── {stage.name}", flush=True)
    began = time.monotonic()
    ended = subprocess.run(stage.argv, cwd=CHECKOUT, env=_environment(), check=False)
    seconds = time.monotonic() - began
    if ended.returncode:
        print(f"── {stage.name}: FAILED after {seconds:.1f} s; the rest was not run", flush=True)
    elif not quietly:
        print(f"── {stage.name}: passed in {seconds:.1f} s", flush=True)
    return ended.returncode == 0


def _count_lab_tests() -> int:
    argv = _tool("pytest", "--collect-only", "-m", "lab")
    listed = subprocess.run(
        argv, cwd=CHECKOUT, env=_environment(), capture_output=True, text=True, check=False
    )
    return sum("::" in line for line in listed.stdout.splitlines())


def _tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(BIN / name), *arguments)


def _environment() -> dict[str, str]:
    """Tools find each other (ansible-lint calls ansible) in this virtual environment first."""
    return {**os.environ, "PATH": f"{BIN}:{os.environ.get('PATH', '')}"}
