"""A user's own certificate: its passwords, its names, and whom it breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.errors import Refused
from flows.domain.uploaded import UploadFacts
from flows.domain.uploads import (
    SPECIAL,
    check_names,
    check_same_upload,
    check_store_password,
    check_upload_fields,
    clients_broken,
    missing_names,
    names_in_use,
)
from tests.domain.samples import instance as placed
from tests.domain.samples import wish

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
FACTS = UploadFacts(
    sha256="aa",
    subject="CN=kafka.example.com",
    names=(),
    not_after=datetime(2027, 1, 1, tzinfo=UTC),
    authority="CN=Example Root",
    trusted=("r1",),
)


def sentence_of_password(password: str) -> str:
    with pytest.raises(Refused) as refused:
        check_store_password("keystore_password", password)
    if password:
        assert password not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("Ab 4567", "8 to 32 characters are accepted"),
        ("Ab 4567!" * 5, "8 to 32 characters are accepted"),
        ("Ab 4567é", "only printable ASCII characters are accepted"),
        ("-Ab 4567", "it may not start with -"),
        ("p@ssw0rd 1!", "it is too weak, a common password in disguise; choose another"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused_unseen(password: str, rule: str) -> None:
    assert sentence_of_password(password) == f'keystore_password "(not shown)": {rule}'


KINDS = {"letters": LETTERS, "digits": DIGITS, "space": " ", "special": "".join(sorted(SPECIAL))}


@given(st.data(), st.sets(st.sampled_from(sorted(KINDS)), min_size=1))
def test_three_kinds_of_four_are_needed(data: st.DataObject, kinds: set[str]) -> None:
    first = [data.draw(st.sampled_from(KINDS[kind])) for kind in sorted(kinds)]
    rest = data.draw(
        st.lists(st.sampled_from("".join(KINDS[kind] for kind in kinds)), min_size=16, max_size=28)
    )
    password = "".join([*first, *rest]).lstrip("-").ljust(8, first[-1])
    seen = {kind for kind, signs in KINDS.items() if set(password) & set(signs)}
    if len(seen) >= 3 and not password.startswith("-"):
        check_store_password("keystore_password", password)
    else:
        assert "at least three of letters, digits, spaces" in sentence_of_password(password)


def test_upper_and_lower_case_are_one_kind() -> None:
    assert "at least three of" in sentence_of_password("AbcdefGH12")
    check_store_password("keystore_password", "AbcdefGH12!")


@pytest.mark.parametrize(
    ("named", "hosts", "missing"),
    [
        (("10.0.0.1",), ("10.0.0.1", "10.0.0.2"), ("10.0.0.2",)),
        (("*.Example.com",), ("b1.example.com", "B2.EXAMPLE.COM"), ()),
        (
            ("*.example.com",),
            ("example.com", "a.b.example.com"),
            ("example.com", "a.b.example.com"),
        ),
        (("*.0.0.1",), ("10.0.0.1",), ("10.0.0.1",)),
        ((), ("b1.example.com",), ("b1.example.com",)),
    ],
)
def test_which_names_are_missing(
    named: tuple[str, ...], hosts: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert missing_names(named, hosts) == missing


def test_every_address_in_use_has_to_be_named_or_its_lack_accepted() -> None:
    instance = placed(wish(sasl_ssl=True, first_user="alice"))
    used = names_in_use(instance)
    assert used == tuple(str(broker.address) for broker in instance.brokers)
    assert check_names(replace(FACTS, names=used), instance, accept_san_gap=False) == ()
    lacking = replace(FACTS, names=used[:-1])
    assert check_names(lacking, instance, accept_san_gap=True) == used[-1:]
    with pytest.raises(Refused) as refused:
        check_names(lacking, instance, accept_san_gap=False)
    assert str(refused.value) == (
        f"keystore: its certificate is for {', '.join(used[:-1])}, and clients come by {used[-1]} "
        "too; accepted is one for every address in use, or accept_san_gap=true, and then clients "
        "that check names refuse the brokers there"
    )


def test_clients_are_broken_by_an_authority_that_none_of_them_trusts() -> None:
    assert not clients_broken(FACTS, None)
    assert not clients_broken(FACTS, replace(FACTS, trusted=("r0", "r1")))
    assert clients_broken(FACTS, replace(FACTS, trusted=("r0",)))


def test_a_replacement_that_was_begun_goes_on_with_its_certificate_alone() -> None:
    check_same_upload(None, FACTS)
    check_same_upload(FACTS, None)
    check_same_upload(FACTS, replace(FACTS))
    for other in (replace(FACTS, sha256="bb"), replace(FACTS, trusted=("r0",))):
        with pytest.raises(Refused) as refused:
            check_same_upload(FACTS, other)
        assert str(refused.value) == (
            "keystore: a replacement by the certificate CN=kafka.example.com (SHA-256 aa) was "
            f"begun and is not finished, and this one is CN=kafka.example.com ({other.sha256}); "
            "accepted is the same upload again, and any other once that one is served"
        )


def test_an_upload_has_all_its_parts_or_none() -> None:
    whole = dict.fromkeys(
        ("keystore", "truststore", "keystore_password", "truststore_password"), "x"
    )
    check_upload_fields(whole, wanted=True)
    check_upload_fields({}, wanted=False)
    for name in whole:
        with pytest.raises(Refused) as refused:
            check_upload_fields({**whole, name: None}, wanted=True)
        assert str(refused.value) == f"{name}: it is required with source upload"
        with pytest.raises(Refused) as refused:
            check_upload_fields({name: "x"}, wanted=False)
        assert str(refused.value) == f'{name} "(not shown)": accepted with source upload only'
