"""What gaps mean: the worst of a broker's turn, whether clients are calm, when a roll pauses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.probing import (
    Gap,
    Kind,
    Measured,
    ProbeEnd,
    Sight,
    as_data,
    as_page,
    measured,
    not_calm,
    over_budget,
)

EARLY = Gap(Kind.WRITE, 0, 90.0, 93.0)
LATE = Gap(Kind.WRITE, 1, 99.5, 101.0)
READ = Gap(Kind.READ, 2, 100.0, 100.4)


def test_a_gap_counts_for_the_turn_in_which_it_ended() -> None:
    found = measured(2, Sight(110.0, (EARLY, LATE, READ)), began=100.0)
    assert found == Measured(2, write=1.5, read=0.4000000000000057, took=10.0, began=100.0)


def test_a_gap_that_is_still_open_counts() -> None:
    assert measured(2, Sight(110.0, (LATE,), {0: 0.1, 3: 4.0}), began=100.0).write == 4.0


def test_nobody_waited() -> None:
    assert measured(1, Sight(110.0), began=100.0).write == 0.0


def test_clients_are_calm_after_a_while_without_a_long_gap() -> None:
    assert not_calm(Sight(110.0, (LATE,), {0: 0.1}), since=105.0) is None
    assert (
        not_calm(Sight(106.0, (), {0: 0.1}), since=105.0) == "the probe has watched for 1.0 s only"
    )
    assert not_calm(Sight(110.0, (), {0: 0.1, 4: 1.2}), since=105.0) == (
        "the probe waits for an acknowledgement of its partition 4"
    )
    assert not_calm(Sight(102.0, (LATE,), {0: 0.1}), since=95.0) == (
        "the probe waited 1.5 s for its partition 1"
    )


def test_a_roll_pauses_only_when_somebody_is_left() -> None:
    found = Measured(2, write=6.25, read=1.0, took=30.0)
    assert over_budget(found, 7.0, [1]) is None
    assert over_budget(found, 5.0, []) is None
    assert over_budget(found, 5.0, [3, 1]) == (
        "the roll pauses after broker 2: clients waited 6.2 s for an acknowledgement, more than "
        "the stall budget of 5 s; left are brokers 1, 3; ask for the same again to go on"
    )


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50))), st.floats(0, 150))
def test_the_worst_is_the_longest_that_ended_in_the_turn(
    spans: list[tuple[float, float]], began: float
) -> None:
    gaps = tuple(Gap(Kind.WRITE, 0, start, start + length) for start, length in spans)
    inside = [gap.seconds for gap in gaps if gap.ended > began]
    assert measured(1, Sight(200.0, gaps), began).write == max(inside, default=0.0)


def test_everything_stays_in_the_history_and_a_person_can_read_it() -> None:
    end = ProbeEnd(10, 9, 1, 2, ("_TIMED_OUT",), (LATE,))
    found = [Measured(2, 1.5, 0.4, 10.0, 90.0)]
    kept = as_data(found, end)
    assert kept["gaps"] == [["write", 1, 99.5, 1.5]]
    assert kept["brokers"] == {
        "2": {"write_gap": 1.5, "read_gap": 0.4, "seconds": 10.0, "began": 90.0}
    }
    page = as_page(found, end)
    assert "| 2 | 1.50 | 0.40 | 10 |" in page
    assert "10 messages sent, 9 acknowledged, 1 lost, 2 duplicated, 1 failed." in page
