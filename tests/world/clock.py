"""Time and chance that repeat."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Waiting passes at once; tokens are numbered."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._numbers = itertools.count(1)

    def now(self) -> datetime:
        """The start plus what was waited."""
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.seconds

    def pause(self, seconds: float) -> None:
        """Time passes."""
        self.seconds += seconds

    def token(self, characters: int) -> str:
        """The next number, in letters and digits."""
        return f"t{next(self._numbers):0{characters - 1}d}"

    def password(self, characters: int) -> str:
        """A password that keeps the rules."""
        return f"Pw-{next(self._numbers):0{characters - 3}d}"
