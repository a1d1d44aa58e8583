"""The steps of runs while they happen: drawn anew on a terminal, line by line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from flows.doors.follow import RunSeen, Show, StepSeen

_MARKS = {"completed": ("✓", "green"), "failed": ("✗", "red"), "crashed": ("✗", "red")}


@contextmanager
def display(*, quiet: bool) -> Iterator[Show]:
    """How the runs are shown; quietly means not at all, so that only JSON is printed."""
    if quiet:
        yield lambda runs: None
    elif sys.stdout.isatty():
        with _drawn() as show:
            yield show
    else:
        yield _Lines().show


@contextmanager
def _drawn() -> Iterator[Show]:
    spinner = Spinner("dots")
    with Live(console=Console(), refresh_per_second=10, transient=False) as live:
        yield lambda runs: live.update(_picture(runs, spinner))


def _picture(runs: Sequence[RunSeen], spinner: Spinner) -> RenderableType:
    return Group(*(part for run in runs for part in (_head(run), _steps(run, spinner))))


def _head(run: RunSeen) -> Text:
    told = f"  {run.state_name.lower()}  {run.seconds:.0f} s"
    far = f"  {run.progress}" if run.progress and not run.over else ""
    return Text.assemble((run.name, "bold"), told, (far, "cyan"))


def _steps(run: RunSeen, spinner: Spinner) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for step in run.steps:
        table.add_row(_mark(step, spinner), step.title, f"{step.seconds:6.1f} s")
    return table


def _mark(step: StepSeen, spinner: Spinner) -> RenderableType:
    if not step.over:
        return spinner
    sign, style = _MARKS.get(step.state, ("-", "yellow"))
    return Text(sign, style=style)


class _Lines:
    """A line for each step once it has ended, so that a log file reads well."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def show(self, runs: Sequence[RunSeen]) -> None:
        """The steps that ended since the last time are printed, and once that a run waits."""
        for run in runs:
            if run.state_name == "Late" and run.id not in self._told:
                self._told.add(run.id)
                print(f"  {run.name}: waits for a free worker", flush=True)
            if run.progress and (run.id + run.progress) not in self._told:
                self._told.add(run.id + run.progress)
                print(f"  {run.name}: {run.progress}", flush=True)
            for step in run.steps:
                if step.over and step.id not in self._told:
                    self._told.add(step.id)
                    prefix = f"{run.name}: " if len(runs) > 1 else ""
                    failed = "" if step.state == "completed" else f"  {step.state}"
                    print(f"  {prefix}{step.title:60} {step.seconds:6.1f} s{failed}", flush=True)
