"""Names and passwords (SPEC 1.1): what is accepted, and each refusal by its sentence."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.errors import Refused
from flows.domain.names import (
    PROBE_USER,
    check_instance_name,
    check_password,
    check_user_name,
)
from tests.domain.samples import OFTEN, refused

LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}")
KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
PRINTABLE = "".join(chr(code) for code in range(32, 127))
WEAK = (
    "it is too weak; at least three of lower case, upper case, digits and special "
    "characters are needed"
)
HOLDS_USER = "it may not be or contain the user's name, forwards or backwards"
COMMON = "it is in the list of common passwords; choose another"
SENTENCES = {
    f'first_user_password "(not shown)": {rule}'
    for rule in (WEAK, HOLDS_USER, COMMON, "it may not start with -")
}
LETTERS = "letters, digits, - and _ are accepted, the first one a letter"


def is_accepted(check: Callable[[], object]) -> bool:
    """Whether a check passes."""
    try:
        check()
    except Refused:
        return False
    return True


@OFTEN
@given(st.text(max_size=70) | st.from_regex(LABEL, fullmatch=True))
def test_an_instance_name_is_accepted_exactly_when_it_keeps_the_rule(name: str) -> None:
    assert is_accepted(lambda: check_instance_name(name)) == bool(LABEL.fullmatch(name))


@OFTEN
@given(st.from_regex(LABEL, fullmatch=True))
def test_a_user_name_keeps_the_same_rule_but_for_the_reserved_ones(name: str) -> None:
    reserved = {"anonymous", "broker", "control", "kafka", "super", "zkpeer"}
    accepted = is_accepted(lambda: check_user_name("first_user", name))
    assert accepted == (name.lower() not in reserved)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("abc", "it has 3 characters, 4 to 64 are accepted"),
        ("a" * 65, "it has 65 characters, 4 to 64 are accepted"),
        ("", "it has 0 characters, 4 to 64 are accepted"),
        ("my demo", LETTERS),
        ("1demo", LETTERS),
        ("-demo", LETTERS),
        ("demo\n", LETTERS),
        ("démo", LETTERS),
    ],
)
def test_a_refused_name_is_shown_with_the_rule(name: str, rule: str) -> None:
    assert refused(lambda: check_instance_name(name)) == f'name "{name}": {rule}'
    assert refused(lambda: check_user_name("first_user", name)) == f'first_user "{name}": {rule}'


@pytest.mark.parametrize("name", ["anonymous", "broker", "control", "kafka", "super", "zkpeer"])
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.capitalize])
def test_reserved_user_names_are_refused_in_any_case(
    name: str, spell: Callable[[str], str]
) -> None:
    assert refused(lambda: check_user_name("first_user", spell(name))) == (
        f'first_user "{spell(name)}": the name is reserved; choose one other than '
        "ANONYMOUS, broker, control, kafka, super, zkpeer"
    )


def test_no_user_can_have_the_name_of_the_probe() -> None:
    assert not is_accepted(lambda: check_user_name("first_user", PROBE_USER))


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("Short1!", "8 to 32 characters are accepted"),
        ("Long1!" * 6, "8 to 32 characters are accepted"),
        ("Pässword1!", "only printable ASCII characters are accepted"),
        ("Tab\tstop1", "only printable ASCII characters are accepted"),
        ("-Xy12345", "it may not start with -"),
        ("lowercase", WEAK),
        ("lower1234", WEAK),
        ("UPPER 1234", None),
        ("lowerUPPER", WEAK),
        ("12345678!", WEAK),
        ("Abc12345", None),
        ("abc 1234", None),
        ("Alice-2026", HOLDS_USER),
        ("xALICEx-26", HOLDS_USER),
        ("Ecila-2026", HOLDS_USER),
        ("9-eCiLa-9Z", HOLDS_USER),
        ("Passw0rd!", COMMON),
        ("P@ssword123", COMMON),
        ("Change-me1", COMMON),
        ("ABC123!!", COMMON),
    ],
)
def test_passwords_are_judged_by_each_rule(password: str, rule: str | None) -> None:
    if rule is None:
        check_password("first_user_password", password, "alice")
        return
    sentence = refused(lambda: check_password("first_user_password", password, "alice"))
    assert sentence == f'first_user_password "(not shown)": {rule}'


@OFTEN
@given(
    password=st.text(PRINTABLE, min_size=8, max_size=32),
    user=st.from_regex(LABEL, fullmatch=True),
)
def test_an_accepted_password_keeps_every_rule(password: str, user: str) -> None:
    if not is_accepted(lambda: check_password("password", password, user)):
        return
    assert not password.startswith("-")
    kinds = [any(c in kind for c in password) for kind in KINDS]
    special = any(c not in string.ascii_letters + string.digits for c in password)
    assert sum([*kinds, special]) >= 3
    assert user.lower() not in password.lower()
    assert user.lower() not in password.lower()[::-1]


@OFTEN
@given(
    user=st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{3,19}", fullmatch=True),
    before=st.text("xX7!", max_size=4),
    after=st.text("xX7!", max_size=4),
    backwards=st.booleans(),
)
def test_the_users_name_is_found_anywhere_in_the_password(
    user: str, before: str, after: str, backwards: bool
) -> None:
    middle = user[::-1] if backwards else user
    password = f"{before}{middle}{after}Aa1!"
    assert not is_accepted(lambda: check_password("password", password, user))


@OFTEN
@given(st.text(PRINTABLE, min_size=8, max_size=32))
def test_a_refusal_never_shows_the_password(password: str) -> None:
    assert sentence_about(password) in {None, *SENTENCES}


def sentence_about(password: str) -> str | None:
    """The refusal of a password of alice, if there is one."""
    try:
        check_password("first_user_password", password, "alice")
    except Refused as refusal:
        return str(refusal)
    return None


def test_without_a_user_only_the_other_rules_count() -> None:
    check_password("manager_password", "Alice-2026", None)
    check_password("manager_password", "Alice-2026", "")
