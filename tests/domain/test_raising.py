"""What was raised for a roll is remembered as it was at first, and goes back to just that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.cluster import ClusterState, Partition, Raised
from flows.domain.raising import moves_back, raised_node, read_raised, with_moves
from flows.domain.reassignment import Move
from tests.domain.samples import OFTEN

ALONE = Raised("alone", 0, (2,), (2, 1))


def state(*replicas: int, raised: Raised = ALONE) -> ClusterState:
    """The only partition of `alone` has these replicas."""
    part = Partition("alone", 0, replicas[0], replicas, replicas)
    return ClusterState(partitions=(part,), raised=(raised,))


def test_more_replicas_go_back() -> None:
    assert moves_back(state(2, 1)).moves == (Move("alone", 0, (2, 1), (2,)),)


def test_what_was_not_raised_yet_or_is_back_already_stays() -> None:
    assert moves_back(state(2)).moves == ()


def test_what_somebody_placed_otherwise_meanwhile_stays() -> None:
    assert moves_back(state(2, 1, 3)).moves == ()
    assert moves_back(state(3, 1)).moves == ()


def test_a_topic_that_is_gone_has_nothing_to_go_back() -> None:
    assert moves_back(ClusterState(raised=(ALONE,))).moves == ()


def test_what_is_raised_twice_goes_back_to_the_first() -> None:
    again = with_moves([ALONE], [Move("alone", 0, (2, 1), (2, 1, 3))])
    assert again == (Raised("alone", 0, (2,), (2, 1, 3)),)
    elsewhere = with_moves([ALONE], [Move("alone", 0, (3,), (3, 1))])
    assert elsewhere == (Raised("alone", 0, (3,), (3, 1)),)


BROKERS = st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True).map(tuple)
NAMES = st.tuples(st.text("ab-._", min_size=1, max_size=3), st.integers(0, 30))


@OFTEN
@given(st.dictionaries(NAMES, st.tuples(BROKERS, BROKERS), max_size=5))
def test_what_is_remembered_is_read_again(
    found: dict[tuple[str, int], tuple[tuple[int, ...], tuple[int, ...]]],
) -> None:
    raised = tuple(Raised(*name, *found[name]) for name in sorted(found))
    assert read_raised(raised_node(raised).data) == raised
