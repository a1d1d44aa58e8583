"""Gates that ask for several looks in a row."""

from __future__ import annotations

from typing import cast

from flows.adapters.site import Site
from flows.steps.waiting import Gate, steady

NOWHERE = cast(Site, None)
"""These gates look at nothing but their own answers."""


def told(*answers: str | None) -> list[str | None]:
    """What a steady gate of three looks says, look by look."""
    found = iter(answers)
    gate = steady(Gate("broker 3 is in sync", 10, lambda _: next(found)), 3)
    return [gate.reason(NOWHERE) for _ in answers]


def test_a_condition_that_holds_at_every_look_is_true_at_the_last_of_them() -> None:
    first, second = "seen 1 times in a row, of 3", "seen 2 times in a row, of 3"
    assert told(None, None, None) == [first, second, None]


def test_one_look_at_which_it_does_not_hold_begins_the_row_anew() -> None:
    assert told(None, None, "it is out", None, None, None)[2:] == [
        "it is out",
        "seen 1 times in a row, of 3",
        "seen 2 times in a row, of 3",
        None,
    ]
