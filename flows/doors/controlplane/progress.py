"""One line per step with its seconds, for commands that people wait for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

WIDTH = 60

Note = Callable[[str], None]


class StepLines:
    """Prints `title ... seconds`; on a terminal the title stands there while the step runs."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._live = out.isatty()

    @contextmanager
    def step(self, title: str) -> Iterator[Note]:
        """The line of one step. What is noted replaces the title, for example by a number."""
        began = time.monotonic()
        shown = title

        def note(text: str) -> None:
            nonlocal shown
            shown = text
            self._begin(shown)

        self._begin(title)
        try:
            yield note
        except BaseException:
            self._end(f"{shown:{WIDTH}} failed")
            raise
        self._end(f"{shown:{WIDTH}} {time.monotonic() - began:6.1f} s")

    def say(self, line: str) -> None:
        """A line of its own."""
        self._end(line)

    def _begin(self, title: str) -> None:
        if self._live:
            self._out.write(f"\r\033[K  {title} ...")
            self._out.flush()

    def _end(self, line: str) -> None:
        self._out.write(f"\r\033[K  {line}\n" if self._live else f"  {line}\n")
        self._out.flush()
