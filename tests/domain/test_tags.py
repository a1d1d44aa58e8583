"""The tags of an instance (SPEC 1.7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.tags import parse_tags
from tests.domain.samples import OFTEN, refused

ALLOWED = st.characters(exclude_characters="=*<>\\,|/", codec="utf-8")


def parts(longest: int) -> st.SearchStrategy[str]:
    """Keys or values that keep the rules."""
    return st.text(ALLOWED, min_size=1, max_size=longest).filter(
        lambda text: text == text.strip(" ") and bool(text.strip())
    )


@OFTEN
@given(st.lists(st.tuples(parts(36), parts(43)), max_size=20, unique_by=lambda pair: pair[0]))
def test_tags_that_keep_the_rules_come_back_in_their_order(pairs: list[tuple[str, str]]) -> None:
    text = ",".join(f"{key}={value}" for key, value in pairs)
    assert parse_tags(text) == tuple(pairs)


def test_no_text_is_no_tag() -> None:
    assert parse_tags("") == ()
    assert parse_tags(" , ,") == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("team", 'tags "team": each tag is written key=value'),
        ("=blue", 'tags "": a key has 1 to 36 characters'),
        ("team=", 'tags "": a value has 1 to 43 characters'),
        (f"{'k' * 37}=v", f'tags "{"k" * 37}": a key has 1 to 36 characters'),
        (f"k={'v' * 44}", f'tags "{"v" * 44}": a value has 1 to 43 characters'),
        ("a=b=c", 'tags "b=c": a value may not contain any of = * < > \\ , | /'),
        ("a*=b", 'tags "a*": a key may not contain any of = * < > \\ , | /'),
        ("a=b/c", 'tags "b/c": a value may not contain any of = * < > \\ , | /'),
        ("a=b\\c", 'tags "b\\c": a value may not contain any of = * < > \\ , | /'),
        ("a=b|c", 'tags "b|c": a value may not contain any of = * < > \\ , | /'),
        ("<a=b", 'tags "<a": a key may not contain any of = * < > \\ , | /'),
        ("a>=b", 'tags "a>": a key may not contain any of = * < > \\ , | /'),
        (" a=b", 'tags " a": a key may not start or end with a space'),
        ("a=b ", 'tags "b ": a value may not start or end with a space'),
        ("a=1,b=2,a=3", 'tags "a": a key may stand only once'),
        (
            ",".join(f"k{number}=v" for number in range(21)),
            'tags "21 tags": at most 20 are accepted',
        ),
    ],
)
def test_each_broken_rule_has_its_sentence(text: str, sentence: str) -> None:
    assert refused(lambda: parse_tags(text)) == sentence


def test_the_longest_tags_and_twenty_of_them_are_accepted() -> None:
    pairs = [(f"{'k' * 34}{number:02d}", "v" * 43) for number in range(20)]
    assert parse_tags(",".join(f"{key}={value}" for key, value in pairs)) == tuple(pairs)
