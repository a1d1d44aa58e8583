"""What a roll means for partitions and groups, and what becomes of those at risk."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.domain.cluster import ClusterState, Partition
from flows.domain.errors import Refused
from flows.domain.impact import (
    Impact,
    check_at_risk,
    felt_with,
    groups_may_wait,
    impact,
    raised_replicas,
)
from flows.domain.reassignment import Move, Proposal
from flows.domain.rolling import AtRisk


def partition(topic: str, number: int, *replicas: int) -> Partition:
    return Partition(topic, number, replicas[0], replicas, replicas)


STATE = ClusterState(
    registrations={1: 11, 2: 12, 3: 13},
    partitions=(
        partition("orders", 0, 1, 2, 3),
        partition("alone", 0, 2),
        partition("alone", 1, 3),
        partition("tight", 0, 1, 2),
        partition("__consumer_offsets", 0, 3),
    ),
    topic_configs={
        "orders": {"min.insync.replicas": "2"},
        "tight": {"min.insync.replicas": "2"},
    },
)
GROUPS = {"billing": ("orders", "alone"), "reports": ("tight",), "search": ("orders",)}


def test_partitions_and_groups_that_feel_it_are_named_broker_by_broker() -> None:
    found = impact(STATE, [1, 3, 2], GROUPS)
    assert found.sentences == (
        "cannot be written with acks=all while broker 1 is away: "
        "tight-0 (2 replicas, min.insync.replicas 2)",
        "can be neither read nor written while broker 3 is away: "
        "alone-1 (1 replica), __consumer_offsets-0 (1 replica)",
        "can be neither read nor written while broker 2 is away: alone-0 (1 replica)",
        "cannot be written with acks=all while broker 2 is away: "
        "tight-0 (2 replicas, min.insync.replicas 2)",
        "consumer groups that wait meanwhile: billing",
    )
    assert [part.name for part in found.user_partitions] == ["alone-0", "alone-1", "tight-0"]


def test_many_partitions_are_counted() -> None:
    many = tuple(partition("alone", number, 1) for number in range(7))
    (line,) = impact(ClusterState(partitions=many), [1], {}).sentences
    assert line.endswith("alone-3 (1 replica), alone-4 (1 replica) and 2 more")


def test_a_replica_that_lags_just_now_is_waited_for_and_not_at_risk() -> None:
    lagging = replace(STATE.partitions[0], in_sync=(1,))
    state = replace(STATE, partitions=(lagging,))
    assert impact(state, [1, 2, 3], GROUPS) == Impact()


def test_users_partitions_at_risk_refuse_the_roll_unless_somebody_chooses() -> None:
    found = impact(STATE, [1, 2, 3], GROUPS)
    with pytest.raises(Refused) as refused:
        check_at_risk(found, AtRisk.REFUSE, brokers=3)
    assert str(refused.value) == (
        'at_risk "refuse": alone-0, alone-1, tight-0 cannot be read, or written with acks=all, '
        "while a broker is away; give their topics more replicas, or choose one of "
        "accept, raise-replicas"
    )
    check_at_risk(found, AtRisk.ACCEPT, brokers=3)
    check_at_risk(found, AtRisk.RAISE_REPLICAS, brokers=3)


def test_what_needs_more_replicas_than_there_are_brokers_cannot_be_raised() -> None:
    found = impact(STATE, [1, 2, 3], GROUPS)
    with pytest.raises(Refused) as refused:
        check_at_risk(found, AtRisk.RAISE_REPLICAS, brokers=2)
    assert str(refused.value) == (
        'at_risk "raise-replicas": tight-0 (min.insync.replicas 2) would need more replicas than '
        "there are brokers (2); lower min.insync.replicas of their topics, or choose one of "
        "refuse, accept"
    )


def test_only_so_many_are_raised_for_one_roll() -> None:
    many = tuple(partition("alone", number, 1) for number in range(20_001))
    found = impact(ClusterState(partitions=many), [1], {})
    with pytest.raises(Refused, match="20001 partitions are at risk, 20000 are accepted"):
        check_at_risk(found, AtRisk.RAISE_REPLICAS, brokers=3)


def test_groups_that_nobody_knows_are_told_where_somebody_feels_something() -> None:
    silent = replace(impact(STATE, [2], {}), unknown="Kafka of demo: it is late")
    assert silent.sentences[-1] == (
        "consumer groups that wait meanwhile are not known: Kafka of demo: it is late"
    )
    assert Impact(unknown="Kafka of demo: it is late").sentences == ()


def test_groups_need_not_be_asked_for_unless_a_users_partition_can_be_away() -> None:
    assert groups_may_wait(STATE)
    assert not groups_may_wait(replace(STATE, partitions=(STATE.partitions[0],)))
    assert not groups_may_wait(replace(STATE, partitions=(STATE.partitions[-1],)))


def test_what_is_raised_is_felt_by_nobody() -> None:
    found = impact(STATE, [1, 2, 3], GROUPS)
    assert felt_with(found, AtRisk.ACCEPT) == found
    assert felt_with(found, AtRisk.RAISE_REPLICAS).sentences == (
        "can be neither read nor written while broker 3 is away: __consumer_offsets-0 (1 replica)",
    )


def test_topics_that_are_not_users_do_not_refuse_it() -> None:
    state = replace(STATE, partitions=STATE.partitions[-1:])
    check_at_risk(impact(state, [1, 2, 3], GROUPS), AtRisk.REFUSE, brokers=3)


def test_replicas_are_raised_just_enough_and_can_be_put_back() -> None:
    found = impact(STATE, [1, 2, 3], GROUPS)
    proposal = raised_replicas(STATE, found, {})
    assert proposal.moves == (
        Move("alone", 0, (2,), (2, 1)),
        Move("alone", 1, (3,), (3, 1)),
        Move("tight", 0, (1, 2), (1, 2, 3)),
    )
    after = tuple(partition(*move.partition, *move.after) for move in proposal.moves)
    assert impact(replace(STATE, partitions=after), [1, 2, 3], {}).sentences == ()


def test_replicas_that_no_broker_is_left_for_are_not_raised() -> None:
    state = replace(
        STATE,
        registrations={1: 11, 2: 12},
        partitions=(partition("tight", 0, 1, 2),),
    )
    found = impact(state, [1, 2], {})
    assert raised_replicas(state, found, {}) == Proposal()
