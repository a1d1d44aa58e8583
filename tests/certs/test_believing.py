"""A chain is believed by those who trust one of its authorities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certs.authority import cross_sign, new_authority
from certs.believing import disbelief
from certs.leaf import LeafRequest, issue

NOW = datetime.now(UTC)
OLD, NEW, STRANGE = (new_authority("clients", "acme", number, NOW) for number in (1, 2, 3))
REQUEST = LeafRequest("broker", "acme", ("10.0.0.1",), (), server=True, client=False)
LEAF = issue(NEW, REQUEST, NOW, 30).certificate_pem
CROSS = cross_sign(NEW.certificate_pem, OLD)


@pytest.mark.parametrize("trusted", [OLD.certificate_pem, NEW.certificate_pem])
def test_a_crossed_chain_is_believed_by_either(trusted: bytes) -> None:
    assert disbelief((LEAF, CROSS), [trusted]) is None


def test_who_trusts_nobody_in_it_refuses_it() -> None:
    reason = disbelief((LEAF,), [OLD.certificate_pem])
    assert reason is not None
    assert "does not" in reason
    assert not reason.endswith(".")
    strange = cross_sign(NEW.certificate_pem, STRANGE)
    assert disbelief((LEAF, strange), [OLD.certificate_pem]) is not None


def test_what_has_ended_is_judged_by_whoever_watches_dates() -> None:
    long_ago = NOW - timedelta(days=400)
    old = new_authority("clients", "acme", 1, long_ago)
    ended = issue(old, REQUEST, long_ago, 30).certificate_pem
    assert disbelief((ended,), [old.certificate_pem]) is None
