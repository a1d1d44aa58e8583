"""Quotas: what may still be asked for, and the numbers in the refusal of more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.errors import Refused
from flows.domain.quotas import (
    DEFAULT_QUOTAS,
    RESOURCES,
    Allowance,
    Amount,
    amount_of,
    check_quotas,
)
from flows.settings import Settings
from tests.domain.samples import OFTEN, refused, wish

AMOUNTS = st.builds(
    Amount,
    instances=st.integers(0, 5),
    brokers=st.integers(0, 30),
    storage_gb=st.integers(0, 30).map(lambda steps: steps * 100),
)


def test_an_instance_takes_itself_its_brokers_and_all_their_storage() -> None:
    assert amount_of(wish(brokers=5, storage_per_broker=200)) == Amount(1, 5, 1000)


@pytest.mark.parametrize(
    ("quotas", "sentence"),
    [
        (
            Amount(2, 100, 10_000),
            "quota_instances: 2 of 2 are used and 1 more asked for; at most 0 more are accepted "
            "(see `fleet quotas`)",
        ),
        (
            Amount(9, 8, 10_000),
            "quota_brokers: 6 of 8 are used and 3 more asked for; at most 2 more are accepted "
            "(see `fleet quotas`)",
        ),
        (
            Amount(9, 100, 800),
            "quota_storage_gb: 600 GB of 800 GB are used and 300 GB more asked for; at most 200 GB "
            "more are accepted (see `fleet quotas`)",
        ),
    ],
)
def test_what_goes_beyond_is_refused_with_used_limit_and_asked(
    quotas: Amount, sentence: str
) -> None:
    allowance = Allowance(quotas, used=Amount(2, 6, 600))
    assert refused(lambda: check_quotas(allowance, wish())) == sentence


def test_growth_is_refused_by_what_it_adds() -> None:
    present = amount_of(wish())
    allowance = Allowance(Amount(1, 4, 400), used=present, present=present)
    check_quotas(allowance, wish(brokers=4))
    said = refused(lambda: check_quotas(allowance, wish(storage_per_broker=200)))
    assert said.startswith("quota_storage_gb: 300 GB of 400 GB are used and 300 GB more asked for")


def test_what_is_there_already_may_stay_when_the_quotas_shrink() -> None:
    present = amount_of(wish())
    check_quotas(Allowance(Amount(0, 0, 0), used=present, present=present), wish())


@OFTEN
@given(AMOUNTS, AMOUNTS, st.integers(3, 30), st.integers(1, 10))
def test_nothing_is_accepted_beyond_and_nothing_refused_within(
    quotas: Amount, used: Amount, brokers: int, steps: int
) -> None:
    asked = wish(brokers=brokers, storage_per_broker=steps * 100)
    after = used + amount_of(asked)
    within = all(getattr(after, name) <= getattr(quotas, name) for name in RESOURCES)
    try:
        check_quotas(Allowance(quotas, used), asked)
    except Refused:
        assert not within
    else:
        assert within


def test_the_settings_have_the_same_defaults() -> None:
    settings = Settings(home=Path("/nowhere"))
    assert (
        Amount(settings.quota_instances, settings.quota_brokers, settings.quota_storage_gb)
        == DEFAULT_QUOTAS
    )
