"""Parts of the pages on which results are told, and where they are kept."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.creating.machine import Machine
from benchmarks.creating.report import Goal
from flows.domain.errors import ServiceError
from inventories.lab import LabError


def ended(benchmark: Callable[[], None]) -> int:
    """0 when the benchmark was carried out; 1 when one sentence, printed, says why not."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        benchmark()
    except (ServiceError, LabError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def machine_words(machine: Machine) -> str:
    """On what it was measured, and whether others used it."""
    quiet = "quiet" if machine.quiet else f"NOT quiet: load {machine.load[0]:.1f} before it began"
    return (
        f"{machine.cores} cores, {machine.memory_gib} GiB, {machine.kernel}; {quiet}; "
        f"commit {machine.commit}."
    )


def goal_table(goals: Iterable[Goal]) -> list[str]:
    """Every promise beside what was measured."""
    return [
        "| goal | measured | at most | |",
        "|---|---|---|---|",
        *(
            f"| {goal.title} | {goal.measured:.2f} {goal.unit} | {goal.limit:.2f} {goal.unit} | "
            f"{goal.verdict} |"
            for goal in goals
        ),
    ]


def keep(result: Any, page: str, stem: Path) -> None:
    """The page is printed, and lies beside the same as data."""
    print(page)
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".md").write_text(page)
    stem.with_suffix(".json").write_text(json.dumps(asdict(result), indent=1) + "\n")
    print(f"written: {stem}.md, {stem}.json", file=sys.stderr)
