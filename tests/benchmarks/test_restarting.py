"""Whom the benchmark of a roll blames for a wait."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.creating.machine import describe
from benchmarks.creating.spans import Span
from benchmarks.restarting.blame import (
    SHORTEST_SECONDS,
    UNKNOWN,
    Row,
    Wait,
    plain,
    rows_of,
    table,
    waits_of,
)
from benchmarks.rolling import (
    BY_HAND,
    KAFKA_UTILS,
    OURS,
    Restart,
    Result,
    Roll,
    goals,
    in_turns,
    markdown,
    with_earlier,
)

STEPS = (Span("broker 2: stop Kafka", 0, 2), Span("wait until broker 2 is back", 2, 9))

GAP = st.tuples(st.floats(0, 20), st.floats(0, 3)).map(lambda pair: (pair[0], sum(pair)))


def test_a_wait_counts_for_the_step_that_holds_most_of_it() -> None:
    (wait,) = waits_of([(1.5, 2.25)], STEPS)
    assert wait == Wait("stop Kafka", 0.75, 1, 1.5)


def test_partitions_that_are_silent_together_are_one_wait() -> None:
    (wait,) = waits_of([(3.0, 3.5), (3.25, 4.0), (3.9, 4.4)], STEPS)
    assert wait == Wait("wait until the broker is back", 0.75, 3, 3.25)


def test_what_nobody_did_is_nobodys() -> None:
    (wait,) = waits_of([(10.0, 11.0)], STEPS)
    assert wait.step == UNKNOWN


@given(st.dictionaries(st.sampled_from([OURS, BY_HAND, KAFKA_UTILS]), st.integers(0, 12)))
def test_arms_take_turns(rolls: dict[str, int]) -> None:
    order = in_turns(rolls)
    assert Counter(order) == Counter(rolls)
    for name, count in rolls.items():
        for half in (order[: len(order) // 2], order[len(order) // 2 :]):
            assert abs(half.count(name) - count / 2) <= 1


@given(st.lists(GAP, max_size=12))
def test_every_long_gap_is_in_exactly_one_wait_and_the_worst_is_told(
    gaps: list[tuple[float, float]],
) -> None:
    long = [ended - began for began, ended in gaps if ended - began >= SHORTEST_SECONDS]
    found = waits_of(gaps, STEPS)
    assert sum(wait.partitions for wait in found) == len(long)
    assert max((wait.seconds for wait in found), default=0.0) == max(long, default=0.0)


def test_steps_of_all_brokers_and_rolls_are_one_row() -> None:
    other = (Span("broker 3: stop Kafka", 0, 4),)
    rows = rows_of([(STEPS, waits_of([(1.0, 2.0)], STEPS)), (other, ())])
    assert rows == (
        Row("stop Kafka", 2, 3.0, 1, 1.0),
        Row("wait until the broker is back", 1, 7.0, 0, 0.0),
    )
    assert table(rows)[2:] == [
        "| stop Kafka | 2 | 3.00 | 1 | 1.00 |",
        "| wait until the broker is back | 1 | 7.00 |  |  |",
    ]


def test_a_title_is_told_without_its_broker() -> None:
    assert plain("wait until broker 12 can be spared") == "wait until the broker can be spared"
    assert plain("broker 3: give its machine 4 vCPUs") == "give its machine 4 vCPUs"


def test_the_rolls_of_an_earlier_portion_count_too(tmp_path: Path) -> None:
    portion, file = _result((0.5, 0.7)), tmp_path / "rolling.json"
    file.write_text(json.dumps(asdict(portion)))
    both = with_earlier(file, _result((0.9,)))
    assert [roll.restarts[0].write_gap for roll in both.arms[OURS]] == [0.5, 0.7, 0.9]
    assert (both.portions, both.goals[0].measured) == (2, 0.7)
    assert "in 2 portions" in markdown(both)
    assert "| stop Kafka | 3 | 2.00 | 3 | 0.90 |" in markdown(both)
    assert with_earlier(None, portion) is portion


def test_where_a_partition_gets_a_message_seldom_the_median_is_no_promise() -> None:
    titles = [goal.title for goal in goals(750, _result((0.9,)).arms)]
    assert titles[0] == "write gap, worst"


def _result(gaps: Sequence[float]) -> Result:
    rolls = tuple(
        Roll(
            (Restart(gap, 0.1, 15.0),), 50.0, 100, 0, 0, 0, STEPS[:1],
            (Wait("stop Kafka", gap, 1, 0.1),),
        )
        for gap in gaps
    )  # fmt: skip
    arms: dict[str, tuple[Roll, ...]] = {OURS: rolls, BY_HAND: (), KAFKA_UTILS: ()}
    return Result("2026-01-01", describe(), 24, arms, goals(24, arms))
