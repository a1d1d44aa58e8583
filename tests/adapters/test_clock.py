"""The system's clock: real time, and chance that keeps the rules."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from flows.adapters.clock import SystemClock
from flows.domain.names import check_password
from tests.adapters.contracts import clock_contract


def test_keeps_the_contract_of_a_clock() -> None:
    clock_contract(SystemClock())


def test_tells_the_present_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_pauses_for_the_seconds_asked() -> None:
    since = time.monotonic()
    SystemClock().pause(0.02)
    assert time.monotonic() - since >= 0.02


@pytest.mark.parametrize("characters", [1, 2, 8, 40])
def test_a_token_has_the_length_asked(characters: int) -> None:
    assert len(SystemClock().token(characters)) == characters


def test_a_token_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="characters 0: a token has at least 1"):
        SystemClock().token(0)


@pytest.mark.parametrize("characters", range(8, 33))
def test_a_password_of_every_accepted_length_keeps_the_rules(characters: int) -> None:
    for _ in range(20):
        password = SystemClock().password(characters)
        assert len(password) == characters
        check_password("password", password, None)


def test_a_password_can_stand_in_jaas_and_properties_files() -> None:
    text = "".join(SystemClock().password(32) for _ in range(100))
    assert not set("\"'\\ #;=!:{}$") & set(text)


@pytest.mark.parametrize("characters", [7, 33])
def test_a_password_that_could_not_be_accepted_is_refused(characters: int) -> None:
    with pytest.raises(ValueError, match=f"characters {characters}: 8 to 32 are accepted"):
        SystemClock().password(characters)
