"""Portions in which a broker comes back: each partition once, held back until its turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.cluster import PROBE_TOPIC, ClusterState, Partition
from flows.domain.reassignment.throttle import NEXT_TO_NOTHING
from flows.domain.rejoining import (
    FEW,
    PORTION,
    counted,
    held_back,
    not_held_back,
    out_of,
    portions_to_join,
    released,
    still_out,
)

LISTS, RATES = "leader.replication.throttled.replicas", "leader.replication.throttled.rate"
OWN_LISTS, OWN_RATE = (
    "follower.replication.throttled.replicas",
    "follower.replication.throttled.rate",
)


def away(count: int, topics: int = 3) -> ClusterState:
    """Broker 3 is out of every in-sync set; brokers 1 and 2 lead in turn."""
    partitions = [
        Partition(f"t{number % topics}", number, 1 + number % 2, (1, 2, 3), (1, 2))
        for number in range(count)
    ]
    probe = Partition(PROBE_TOPIC, 0, 1, (1, 2, 3), (1, 2))
    return ClusterState({1: 7, 2: 8}, 1, (*partitions, probe))


@given(st.integers(FEW + 1, 400), st.integers(1, 5))
def test_every_partition_has_one_turn(count: int, topics: int) -> None:
    portions = portions_to_join(3, away(count, topics))
    found = [part.name for portion in portions for part in portion]
    assert len(found) == len(set(found)) == count + 1
    assert all(len(portion) <= PORTION for portion in portions)
    assert found[0] == f"{PROBE_TOPIC}-0"


@given(st.integers(0, FEW), st.integers(1, 5))
def test_few_partitions_come_back_at_once(count: int, topics: int) -> None:
    state = away(count, topics)
    assert portions_to_join(3, state) == ()
    assert len(not_held_back(3, (), state)) == count + 1


def test_who_is_in_sync_and_what_is_kafkas_own_is_not_held_back() -> None:
    assert portions_to_join(2, away(400)) == ()
    state = away(FEW + 10)
    own = Partition("__consumer_offsets", 0, 1, (1, 2, 3), (1, 2))
    with_own = ClusterState({}, 1, (own, *state.partitions))
    assert portions_to_join(3, with_own) == portions_to_join(3, state)
    assert not_held_back(3, portions_to_join(3, with_own), with_own) == (own,)


def test_what_has_no_leader_holds_nobody_back() -> None:
    lost = Partition("lost", 0, None, (1, 3), (3,))
    state = away(200)
    portions = portions_to_join(3, ClusterState({}, 1, (*state.partitions, lost)))
    assert lost not in [part for portion in portions for part in portion]


@given(st.integers(FEW + 1, 400), st.integers(1, 5))
def test_a_replica_is_held_back_exactly_until_its_turn(count: int, topics: int) -> None:
    state = away(count, topics)
    portions = portions_to_join(3, state)
    there = {part.topic for part in state.partitions}
    settings: dict[str, dict[str, str | None]] = {
        entity: dict(values) for entity, values in held_back(3, portions).items()
    }
    assert {settings[f"brokers/{leader}"][RATES] for leader in (1, 2)} == {NEXT_TO_NOTHING}
    assert settings["brokers/3"] == {OWN_RATE: NEXT_TO_NOTHING}
    for place, portion in enumerate(portions, start=1):
        held = {part.name: part.leader for each in portions[place - 1 :] for part in each}
        assert lists(settings, LISTS) == held
        assert lists(settings, OWN_LISTS) == dict.fromkeys(held, 3)
        now = released(3, portion, portions[place:], there)
        settings.update({entity: dict(values) for entity, values in now.items()})
    assert lists(settings, LISTS) == lists(settings, OWN_LISTS) == {}


def lists(settings: Mapping[str, Mapping[str, str | None]], key: str) -> dict[str, int]:
    found = {}
    for entity, values in settings.items():
        for each in (values.get(key) or "").split(","):
            number, _, leader = each.partition(":")
            if leader:
                found[f"{entity.removeprefix('topics/')}-{number}"] = int(leader)
    return found


def test_a_topic_that_was_deleted_meanwhile_is_not_written_to() -> None:
    portions = portions_to_join(3, away(200, topics=1))
    assert released(3, portions[0], portions[1:], {PROBE_TOPIC}) == {
        f"topics/{PROBE_TOPIC}": {LISTS: None, OWN_LISTS: None}
    }


def test_what_it_fetches_of_the_products_own_counts_once_it_is_in_sync_there() -> None:
    ours, *users = portions_to_join(3, away(200))
    assert counted(3, ours) == {f"topics/{PROBE_TOPIC}": {OWN_LISTS: "0:3"}}
    assert [counted(3, portion) for portion in users] == [{} for _ in users]


def test_who_is_still_out_is_named() -> None:
    portion = portions_to_join(3, away(400))[1]
    back = [replace(part, in_sync=(1, 2, 3)) for part in portion]
    out = out_of(3, [*back[:5], *portion[5:]])
    assert out == portion[5:]
    assert still_out(3, out) == (
        f"broker 3 is not in sync yet: {PORTION - 5} partitions, among them {portion[5].name}"
    )
    assert still_out(3, out_of(3, back)) is None
