"""The page that every run leaves, in every outcome: what was done, how long it took, what now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from flows.adapters.site import Clock
from flows.adapters.stage import Stage

T = TypeVar("T")


@dataclass(frozen=True)
class TimedStep:
    """A step that ended; `result` is `done` or the name of the error."""

    title: str
    seconds: float
    result: str


class TimedStage:
    """A stage that remembers how long each step took, for the report."""

    def __init__(self, stage: Stage, clock: Clock) -> None:
        self._stage = stage
        self._clock = clock
        self.steps: list[TimedStep] = []

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does the work on the stage and keeps its time."""
        started, result = self._clock.monotonic(), "failed"
        try:
            found = self._stage.step(title, work)
            result = "done"
            return found
        finally:
            seconds = self._clock.monotonic() - started
            self.steps.append(TimedStep(title, seconds, result))

    def at_once(self, here: Callable[[], None], beside: Callable[[], None]) -> None:
        """Passes both on; each of their steps is kept when it ends."""
        self._stage.at_once(here, beside)

    def publish(self, key: str, markdown: str) -> None:
        """Passes the page on."""
        self._stage.publish(key, markdown)

    def progress(self, percent: float, words: str) -> None:
        """Passes it on."""
        self._stage.progress(percent, words)

    def say(self, line: str) -> None:
        """Passes the line on."""
        self._stage.say(line)


def report_page(
    title: str, status: str, sentence: str, stage: Stage, sections: Iterable[str] = ()
) -> str:
    """The report as Markdown: the outcome, what was found out, the steps with their seconds."""
    steps = stage.steps if isinstance(stage, TimedStage) else []
    rows = [f"| {each.title} | {each.seconds:.1f} | {each.result} |" for each in steps]
    table = ["| step | seconds | result |", "|---|---:|---|", *rows, ""] if rows else []
    return "\n".join([f"# {title}: {status}", "", sentence, "", *sections, *table])
