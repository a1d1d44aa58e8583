"""Which topics take the disks: sizes, limits, and what is typed for them."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.cluster import Replica
from flows.domain.disk_usage import (
    Selection,
    bytes_on_brokers,
    largest_topics,
    read_selection,
    read_size,
)
from tests.domain.samples import OFTEN, refused

GB = 1 << 30
ORDERS = [Replica("orders", part, broker, 2 * GB) for part in (0, 1) for broker in (1, 2, 3)]
LOGS = [Replica("logs", 0, 1, GB)]
OWN = [Replica("__consumer_offsets", 0, 1, 50 * GB)]
ALL = [*LOGS, *ORDERS, *OWN]
DISKS = 300 * GB


def names(selection: Selection, disks: int | None = DISKS) -> list[str]:
    topics, _ = largest_topics(ALL, disks, selection)
    return [each.topic for each in topics]


def test_all_replicas_count_and_the_largest_is_first() -> None:
    topics, more = largest_topics(ALL, DISKS, Selection())
    assert more == 0
    assert [(each.topic, each.partitions, each.replicas, each.bytes) for each in topics] == [
        ("orders", 2, 6, 12 * GB),
        ("logs", 1, 1, GB),
    ]
    assert topics[0].percent == pytest.approx(4.0)
    assert bytes_on_brokers(ALL) == {1: 55 * GB, 2: 4 * GB, 3: 4 * GB}


def test_internal_topics_are_shown_when_asked_for() -> None:
    assert names(Selection(internal=True)) == ["__consumer_offsets", "orders", "logs"]


def test_topics_below_a_limit_are_left_out() -> None:
    assert names(Selection(above_bytes=GB + 1)) == ["orders"]
    assert names(Selection(above_bytes=GB)) == ["orders", "logs"]
    assert names(Selection(above_percent=4.0)) == ["orders"]
    assert names(Selection(above_percent=4.1)) == []


def test_without_all_disks_no_percentage_is_told() -> None:
    topics, _ = largest_topics(ALL, None, Selection())
    assert {each.percent for each in topics} == {None}
    assert names(Selection(above_percent=1.0), None) == []


@OFTEN
@given(
    st.lists(
        st.builds(
            Replica, st.sampled_from("abcdefgh"), st.integers(0, 3), st.integers(1, 3),
            st.integers(0, 10**12),
        )
    ),
    st.integers(1, 10),
)  # fmt: skip
def test_what_is_shown_is_never_smaller_than_what_is_not(replicas: list[Replica], top: int) -> None:
    shown, more = largest_topics(replicas, DISKS, Selection(top=top))
    every, none = largest_topics(replicas, DISKS, Selection(top=100))
    assert none == 0
    assert shown == every[:top]
    assert len(shown) + more == len(every)
    assert sum(each.bytes for each in every) == sum(each.bytes for each in replicas)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0B", 0), ("500MB", 500 << 20), ("10GB", 10 * GB), ("1.5 tb", 3 << 39), ("7kb", 7168)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert read_size("above", text) == size


@pytest.mark.parametrize("text", ["10", "10 G", "-1GB", "GB", "1,5GB", "10GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    said = refused(lambda: read_size("above", text))
    assert said == f'above "{text}": a size such as 500MB, 10GB or 1.5TB is accepted'


def test_what_cannot_be_selected_is_refused() -> None:
    said = refused(lambda: read_selection(0, "", None, internal=False))
    assert said == "top 0: a number of topics from 1 on is accepted"
    for percent in (-0.1, 100.1, float("nan")):
        said = refused(partial(read_selection, 1, "", percent, internal=False))
        assert said == f"above_percent {percent}: 0 to 100 percent are accepted"
    assert read_selection(3, "1GB", 5.0, internal=True) == Selection(3, GB, 5.0, True)
