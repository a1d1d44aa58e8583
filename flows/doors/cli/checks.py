"""`fleet test` and `fleet bench`: the proof that this checkout is right, stage by stage."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.domain.errors import Refused
from flows.settings import CHECKOUT, load_settings

BIN = Path(sys.executable).parent
NICE, DOORS = 10, "tests/doors"


@dataclass(frozen=True)
class Stage:
    """One tool and how it is called."""

    name: str
    argv: tuple[str, ...]


def _tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(BIN / name), *arguments)


STATIC = (
    Stage("ruff check", _tool("ruff", "check")),
    Stage("ruff format", _tool("ruff", "format", "--check")),
    Stage("mypy", _tool("mypy")),
    Stage("import-linter", _tool("lint-imports")),
    Stage(
        "ansible-lint", _tool("ansible-lint", "--offline", "--profile", "production", "playbooks")
    ),
)


def check_all(*, everything: bool, without_lab: bool) -> int:
    """Every stage has passed, or those that did not are named; answers the exit code.

    The tests come last, so that pytest's closing line is the last one when all is well; those
    without a lab run beside those in it, which wait for machines most of the time. Those of the
    doors come before, alone.
    """
    missing = _missing_for_lab()
    if not all(_passes(stage) for stage in STATIC):
        return 1
    if missing:
        _say_skipped(missing)
    doors = stage_of_doors(everything=everything)
    failed = [] if _passes(doors) else [doors.name]
    failed += failed_stages(stages_of_tests(everything=everything, with_lab=not missing))
    if failed:
        print(f"── FAILED: {', '.join(failed)}", flush=True)
        return 1
    if missing and not without_lab:
        print("── FAILED: without the lab this is no proof; --without-lab accepts that")
        return 1
    return 0


def stages_of_tests(*, everything: bool, with_lab: bool) -> tuple[Stage, ...]:
    """The tests: what needs no lab by a process for each core, then what does."""
    slow = "" if everything else " and not slow"
    by_cores = ("-n", "auto", "--maxprocesses=8", "--dist=loadfile", f"--ignore={DOORS}")
    apart = Stage("pytest", _tool("pytest", "-m", f"not lab{slow}", *by_cores))
    in_lab = Stage("pytest in the lab", _tool("pytest", "-m", f"lab{slow}"))
    return (apart, in_lab) if with_lab else (apart,)


def stage_of_doors(*, everything: bool) -> Stage:
    """Tests of control planes that really run: they bound how long a server may be silent."""
    slow = "" if everything else " and not slow"
    return Stage("pytest of the doors", _tool("pytest", "-m", f"not lab{slow}", DOORS))


def failed_stages(stages: Sequence[Stage]) -> list[str]:
    """Which of the tests failed; all but the last are told of once that one has ended."""
    *others, last = stages
    with ExitStack() as stack:
        beside = [stack.enter_context(_beside(stage)) for stage in others]
        results = [(last, _passes(last, quietly=not others))]
        results += [(stage, told()) for stage, told in zip(others, beside, strict=True)]
    return [stage.name for stage, passed in results if not passed]


@contextmanager
def _beside(stage: Stage) -> Iterator[Callable[[], bool]]:
    """The stage runs with what the others leave of the cores; called, it tells how it ended."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            ("nice", "-n", str(NICE), *stage.argv), cwd=CHECKOUT, env=_environment(),
            stdout=said, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

        def told() -> bool:
            passed = process.wait() == 0
            said.seek(0)
            print(f"── {stage.name}, beside: {time.monotonic() - began:.1f} s", flush=True)
            print(said.read(), end="", flush=True)
            return passed

        try:
            yield told
        finally:
            process.terminate()
            process.wait()


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
        print(f"── {stage.name}: FAILED after {seconds:.1f} s", flush=True)
    elif not quietly:
        print(f"── {stage.name}: passed in {seconds:.1f} s", flush=True)
    return ended.returncode == 0


def _count_lab_tests() -> int:
    argv = _tool("pytest", "--collect-only", "-m", "lab")
    listed = subprocess.run(
        argv, cwd=CHECKOUT, env=_environment(), capture_output=True, text=True, check=False
    )
    return sum("::" in line for line in listed.stdout.splitlines())


def _environment() -> dict[str, str]:
    """Tools find each other (ansible-lint calls ansible) in this virtual environment first."""
    return {**os.environ, "PATH": f"{BIN}:{os.environ.get('PATH', '')}"}
