"""How far a roll is, and how long it may still take, judged by what earlier ones took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from statistics import median
from typing import Any

from flows.domain.operations import OperationRow

UNKNOWN_PACE_SECONDS = 30.0
"""What a broker's turn takes on a fair machine; until a roll of the instance tells better."""
ROLLS_LOOKED_AT = 5


class Part(Enum):
    """What of a broker's turn is over, and which share of its time that took, about."""

    STOPPED = 0.2
    CHANGED = 0.3
    BACK = 0.8

    @property
    def share(self) -> float:
        """0 to 1 of the turn."""
        return self.value


@dataclass(frozen=True)
class Progress:
    """How far a running operation is: 0 to 100 percent, and the seconds that are left of it."""

    percent: float
    seconds_left: float

    @property
    def words(self) -> str:
        """`33 % done, about 40 s left`."""
        return f"{self.percent:.0f} % done, about {self.seconds_left:.0f} s left"

    def stored(self) -> dict[str, float]:
        """As it is kept with the operation while that runs."""
        return {"percent": round(self.percent, 1), "seconds_left": round(self.seconds_left, 1)}


def progress_in(result: Mapping[str, Any]) -> Progress | None:
    """How far a running operation said that it is; None when it said nothing."""
    told = result.get("progress")
    return Progress(**told) if told else None


def progress_of(done: float, all_brokers: int, pace: float) -> Progress:
    """How far a roll is after so many of its brokers' turns, of which each takes `pace` seconds."""
    if not all_brokers:
        return Progress(100.0, 0.0)
    return Progress(100.0 * done / all_brokers, (all_brokers - done) * pace)


def pace_of(history: Iterable[OperationRow]) -> float | None:
    """Seconds that a broker's turn took in the newest rolls; None when there was none yet."""
    rolls = [row.result["probe"]["brokers"] for row in history if "probe" in row.result]
    turns = [each["seconds"] for brokers in rolls[:ROLLS_LOOKED_AT] for each in brokers.values()]
    return float(median(turns)) if turns else None


def expected(brokers: int, pace: float | None) -> str:
    """What a plan says of its time."""
    if pace is None:
        return f"may take {_minutes(brokers * UNKNOWN_PACE_SECONDS)}; no roll of it is known yet"
    return f"may take {_minutes(brokers * pace)}, as earlier rolls did ({pace:.0f} s a broker)"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
