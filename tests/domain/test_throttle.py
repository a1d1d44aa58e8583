"""Portions, throttles, the guide's calculator and the time that is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.cluster import ClusterState, Partition, Replica
from flows.domain.reassignment import (
    Bandwidth,
    Load,
    Move,
    PartitionName,
    PortionLimit,
    Progress,
    bandwidths,
    copied_bytes,
    copying,
    fast_enough,
    left_behind,
    left_over,
    partition_sizes,
    portions,
    progress,
    refill_throttle,
    stuck,
    throttle_of,
    unfinished,
)
from tests.domain.samples import OFTEN

MB = 1_000_000
ORDERS = Move("orders", 0, (1, 2), (1, 3))
AUDIT = Move("audit", 4, (2,), (2, 1, 3))
LEADERS_ONLY = Move("clicks", 0, (1, 2), (2, 1))

GUIDE = [
    (
        [
            Move("topic-1", 0, (0, 1), (0, 1, 2)),
            Move("topic-1", 1, (0, 2), (0, 1, 2)),
            Move("topic-2", 0, (0,), (0, 2)),
        ],
        {},
        (Bandwidth(0, 1.5 * MB, 0), Bandwidth(1, 0, 0.5 * MB), Bandwidth(2, 0, MB)),
        1.5,
    ),
    (
        [
            Move("topic-1", 0, (0,), (0, 2)),
            Move("topic-1", 1, (1,), (1, 2)),
            Move("topic-2", 0, (1,), (1, 2)),
            Move("topic-2", 1, (2,), (2, 0)),
        ],
        {},
        (
            Bandwidth(0, 0.5 * MB, 0.5 * MB),
            Bandwidth(1, MB, 0),
            Bandwidth(2, 0.5 * MB, 1.5 * MB),
        ),
        1.5,
    ),
    (
        [Move("topic-1", 0, (0, 1), (0, 1, 2))],
        {("topic-1", 0): 700_000.0},
        # The guide says 0.5 MB/s for broker 2: it leaves out what is produced meanwhile.
        (Bandwidth(0, 1.9 * MB, 0), Bandwidth(1, 0, 0.7 * MB), Bandwidth(2, 0, 1.2 * MB)),
        1.9,
    ),
]


@pytest.mark.parametrize(("moves", "produced", "needed", "throttle"), GUIDE)
def test_the_calculator_answers_as_the_guide(
    moves: list[Move],
    produced: Mapping[PartitionName, float],
    needed: tuple[Bandwidth, ...],
    throttle: float,
) -> None:
    load = Load(
        leaders={move.partition: move.before[0] for move in moves},
        sizes={move.partition: 100 * MB for move in moves},
        produced=produced,
    )
    found = bandwidths(moves, load, seconds=200)
    assert found == needed
    assert fast_enough(found) == pytest.approx(throttle * MB)


def test_nothing_to_move_needs_no_bandwidth() -> None:
    assert fast_enough(bandwidths([], Load({}, {}), seconds=200)) == 0


def test_old_replicas_send_and_new_ones_fetch() -> None:
    throttle = throttle_of([ORDERS, AUDIT, LEADERS_ONLY], 5 * MB)
    assert throttle.brokers == (1, 2, 3)
    rates = {
        "leader.replication.throttled.rate": "5000000",
        "follower.replication.throttled.rate": "5000000",
    }
    assert throttle.settings == {
        "topics/audit": {
            "leader.replication.throttled.replicas": "4:2",
            "follower.replication.throttled.replicas": "4:1,4:3",
        },
        "topics/orders": {
            "leader.replication.throttled.replicas": "0:1,0:2",
            "follower.replication.throttled.replicas": "0:3",
        },
        "brokers/1": rates,
        "brokers/2": rates,
        "brokers/3": rates,
    }
    assert list(throttle.settings)[:2] == ["topics/audit", "topics/orders"]


def test_a_broker_that_lost_its_disk_fetches_all_that_others_have() -> None:
    partitions = [
        Partition("orders", 0, 1, (1, 2), (1,)),
        Partition("orders", 1, 3, (3, 1), (1, 3)),
        Partition("alone", 0, None, (2,), ()),
    ]
    throttle = refill_throttle(partitions, 2, MB)
    assert throttle.sending == {"orders": ("0:1",)}
    assert throttle.fetching == {"orders": ("0:2",)}
    assert throttle.brokers == (1, 2)


def test_what_a_broker_still_copies_keeps_its_throttle() -> None:
    lists = {"follower.replication.throttled.replicas": "0:2,1:2"}
    whole = ClusterState(
        registrations={1: 10, 2: 11},
        partitions=(
            Partition("orders", 0, 1, (1, 2), (1, 2)),
            Partition("orders", 1, 1, (1, 2), (1, 2)),
        ),
        topic_configs={"orders": lists},
    )
    behind = replace(
        whole, partitions=(whole.partitions[0], replace(whole.partitions[1], in_sync=(1,)))
    )
    assert not copying(whole)
    assert copying(behind)
    assert not copying(replace(behind, registrations={1: 10})), "a dead broker copies nothing"
    assert not copying(replace(behind, topic_configs={}))
    elsewhere = {"follower.replication.throttled.replicas": "1:3"}
    assert not copying(replace(behind, topic_configs={"orders": elsewhere})), "no replica of it"
    assert not copying(replace(behind, topic_configs={"gone": lists}))
    everything = {"follower.replication.throttled.replicas": "*"}
    assert not copying(replace(behind, topic_configs={"orders": everything}))


def test_throttles_that_were_left_over_are_found_and_nothing_else() -> None:
    rate = "follower.replication.throttled.rate"
    state = ClusterState(
        topic_configs={
            "orders": {"leader.replication.throttled.replicas": "", "retention.ms": "1"},
            "audit": {"retention.ms": "1"},
        },
        broker_configs={"2": {rate: "1", "listeners": "x"}, "<default>": {"a": "b"}},
    )
    assert left_over(state) == {
        "topics/orders": ("leader.replication.throttled.replicas",),
        "brokers/2": (rate,),
    }
    assert left_over(ClusterState()) == {}
    assert left_behind(state)
    assert left_behind(ClusterState(reassigning=("orders-0",)))
    assert not left_behind(ClusterState())


MOVES = st.lists(
    st.integers(0, 20).map(lambda number: Move("orders", number, (1,), (2,))), max_size=20
)


@OFTEN
@given(
    moves=MOVES,
    sizes=st.dictionaries(st.integers(0, 20).map(lambda n: ("orders", n)), st.integers(0, 99)),
    limit=st.builds(PortionLimit, st.integers(1, 5), st.integers(0, 200)),
)
def test_portions_are_all_moves_in_order_and_within_the_limit(
    moves: list[Move], sizes: dict[PartitionName, int], limit: PortionLimit
) -> None:
    found = list(portions(moves, sizes, limit))
    assert [move for portion in found for move in portion] == moves
    for portion in found:
        assert 1 <= len(portion) <= limit.partitions
        assert len(portion) == 1 or copied_bytes(portion, sizes) <= limit.copied_bytes
    for portion, following in pairwise(found):
        together = [*portion, following[0]]
        too_many = len(together) > limit.partitions
        assert too_many or copied_bytes(together, sizes) > limit.copied_bytes, "cut too early"


def test_progress_counts_what_has_arrived() -> None:
    before = (
        Replica("orders", 0, 1, 100 * MB),
        Replica("orders", 0, 2, 90 * MB),
        Replica("audit", 4, 2, 10 * MB),
    )
    sizes = partition_sizes(before)
    assert sizes == {("orders", 0): 100 * MB, ("audit", 4): 10 * MB}
    arrived = (Replica("orders", 0, 3, 40 * MB), Replica("audit", 4, 3, 30 * MB))
    found = progress([ORDERS, AUDIT], sizes, (*before, *arrived), seconds=10)
    assert found == Progress(copied=50 * MB, total=120 * MB, seconds=10)
    assert found.sentence == "42 % of 120 MB copied, about 14 s left"


def state_of(*partitions: Partition, reassigning: tuple[str, ...] = ()) -> ClusterState:
    return ClusterState({1: 1, 2: 2}, 1, partitions, reassigning)


def test_moves_end_when_the_new_replicas_are_in_sync_and_the_old_ones_gone() -> None:
    done = Partition("orders", 0, 1, ORDERS.after, (3, 1))
    gone = "a topic that was deleted has nothing to move"
    assert unfinished([ORDERS, AUDIT], state_of(done)) == (), gone
    assert unfinished([ORDERS], state_of(done, reassigning=("orders-0",))) == (ORDERS,)
    copying = Partition("orders", 0, 1, (1, 3, 2), (1, 2))
    assert unfinished([ORDERS], state_of(copying)) == (ORDERS,)
    lagging = Partition("orders", 0, 1, ORDERS.after, (1,))
    assert unfinished([ORDERS], state_of(lagging)) == (ORDERS,)


def test_who_is_stuck_is_named_with_the_brokers_that_are_away() -> None:
    moves = [Move("orders", number, (1,), (2, 3)) for number in range(7)]
    parts = [Partition("orders", number, 1, (1, 2, 3), (1,)) for number in range(7)]
    assert stuck(moves, state_of(*parts)) == (
        "still moving: orders-0, orders-1, orders-2, orders-3, orders-4 and 2 more; "
        "not registered: broker 3"
    )
    assert stuck([AUDIT], state_of(*parts)) is None


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Progress(0, 0, 0), "100 % of 0 MB copied, about 0 s left"),
        (Progress(0, 50 * MB, 3), "0 % of 50 MB copied"),
        (Progress(50 * MB, 50 * MB, 3), "100 % of 50 MB copied, about 0 s left"),
    ],
)
def test_time_left_is_said_once_it_can_be_known(found: Progress, sentence: str) -> None:
    assert found.sentence == sentence
