"""Where an operation is watched: its steps, its reports, its lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Stage(Protocol):
    """What a person follows while an operation runs; the Prefect door has one made of tasks."""

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does the work and shows it under its title, with its result."""
        ...

    def at_once(self, here: Callable[[], None], beside: Callable[[], None]) -> None:
        """Both were done, with steps of their own, at the same time where the stage can do that.

        `here` runs in the caller's own thread. An error is raised when both have ended; that of
        `here` comes first, the other one is a note on it.
        """
        ...

    def publish(self, key: str, markdown: str) -> None:
        """A page that stays with the run; `key` is lower-case letters, digits and dashes."""
        ...

    def progress(self, percent: float, words: str) -> None:
        """How far the operation is, and how long it may still take."""
        ...

    def say(self, line: str) -> None:
        """One line of the log."""
        ...


@dataclass
class Findings:
    """What an operation found out while it ran: kept in history and report in every outcome.

    `data` is for the history, `sections` are Markdown for the report.
    """

    data: dict[str, Any] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)


class PlainStage:
    """No audience: the work is done, pages and lines are kept for whoever asks."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.lines: list[str] = []
        self.titles: list[str] = []
        self.percents: list[float] = []

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does the work."""
        self.titles.append(title)
        return work()

    def at_once(self, here: Callable[[], None], beside: Callable[[], None]) -> None:
        """One after the other, so that what is watched has an order."""
        here()
        beside()

    def publish(self, key: str, markdown: str) -> None:
        """Keeps the newest page of a key."""
        self.pages[key] = markdown

    def progress(self, percent: float, words: str) -> None:
        """Keeps how far it was, each time."""
        self.percents.append(percent)

    def say(self, line: str) -> None:
        """Keeps the line."""
        self.lines.append(line)
