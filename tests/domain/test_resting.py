"""What works is looked at often, but never so often that the looks slow it down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.resting import MOST_SECONDS, rest_after


@given(st.floats(0, 600), st.floats(0, MOST_SECONDS))
def test_a_look_is_followed_by_a_rest_with_limits(seconds: float, least: float) -> None:
    assert least <= rest_after(seconds, least) <= MOST_SECONDS


def test_a_slow_look_is_followed_by_a_longer_rest_and_a_silent_one_by_the_longest() -> None:
    assert rest_after(0.01, 0.5) == 0.5
    assert rest_after(0.3, 0.5) == 9 * 0.3
    assert rest_after(60) == MOST_SECONDS
