"""Gates: None when we may go on, else the reason as a sentence."""

from __future__ import annotations

from flows.domain.cluster import PROBE_TOPIC, Cluster, ClusterState, Partition
from flows.domain.gates import (
    MUTED_AT_MOST,
    is_left_out,
    leaves_as_it_stops,
    not_back,
    not_leading,
    others_out_of_sync,
    out_of_sync,
    portions_to_lead,
    preferred_of,
    quorum_at_risk,
    quorum_lost,
    quorum_missing,
    reassignment_running,
    still_needed,
    too_few_left,
    unknown_to_broker,
    unknown_to_metadata,
    unregistered,
)
from tests.domain.samples import part

WHOLE = part("orders", 0, 1, (1, 2, 3))
BEHIND = part("orders", 1, 2, (2, 3))
ALL = {1: 10, 2: 20, 3: 30}


def state(*partitions: Partition, **changes: object) -> ClusterState:
    """A cluster of three brokers with these partitions; two replicas in sync are needed."""
    needed = {each.topic: {"min.insync.replicas": "2"} for each in partitions}
    values = {"registrations": ALL, "controller": 1, "topic_configs": needed, **changes}
    return ClusterState(partitions=partitions, **values)  # type: ignore[arg-type]


def test_the_whole_ensemble_must_serve_at_creation() -> None:
    assert quorum_missing((1, 2, 3)) is None
    assert quorum_missing((3, 1)) == "ZooKeeper does not serve yet on broker 2"
    assert quorum_missing(()) == "ZooKeeper does not serve yet on broker 1, 2, 3"


def test_every_expected_broker_must_be_registered() -> None:
    assert unregistered([1, 2, 3], {1: 7, 2: 8, 3: 9, 4: 10}) is None
    assert unregistered([3, 2, 1], {2: 8}) == "not registered in ZooKeeper: broker 1, 3"


def test_metadata_must_hold_every_broker_and_a_controller() -> None:
    assert unknown_to_metadata([1, 2], Cluster((1, 2), controller=1)) is None
    assert unknown_to_metadata([1, 2], Cluster((2,), controller=2)) == (
        "missing in the metadata: broker 1"
    )
    assert unknown_to_metadata([1, 2], Cluster((1, 2))) == "no controller has been elected yet"


def test_every_partition_must_have_its_leader_and_all_its_replicas() -> None:
    whole = part("orders", 0, 1, (1, 2, 3))
    behind = part("orders", 1, 2, (2, 3))
    leaderless = part("audit", 4, None, ())
    assert out_of_sync(Cluster(partitions=(whole,))) is None
    assert out_of_sync(Cluster(partitions=(whole, behind, behind))) == (
        "2 partitions are under-replicated, among them orders-1"
    )
    assert out_of_sync(Cluster(partitions=(behind, leaderless))) == (
        "1 partitions have no leader, among them audit-4"
    )


def test_zookeeper_keeps_its_majority() -> None:
    assert quorum_lost((1, 2)) is None
    assert quorum_lost((3,)) == "ZooKeeper does not serve yet on broker 1, 2"
    assert quorum_at_risk((1, 2, 3)) is None
    assert quorum_at_risk((1, 3)) == "ZooKeeper does not serve yet on broker 2"


def test_nobody_is_stopped_while_replicas_move() -> None:
    assert reassignment_running(state()) is None
    moving = state(reassigning=tuple(f"orders-{number}" for number in range(7)))
    assert reassignment_running(moving) == (
        "a reassignment is running, of orders-0, orders-1, orders-2, orders-3, orders-4 and 2 more"
    )


def test_the_others_must_be_whole_before_one_is_stopped() -> None:
    assert others_out_of_sync(3, state(WHOLE)) is None
    assert others_out_of_sync(1, state(BEHIND)) is None, "broker 1 itself is the one that lags"
    assert others_out_of_sync(3, state(BEHIND)) == "under-replicated: orders-1"
    gone = Partition("audit", 0, None, (1, 2), ())
    assert others_out_of_sync(3, state(gone)) == "without a leader: audit-0"
    alone = Partition("audit", 0, None, (2,), (2,))
    assert others_out_of_sync(2, state(alone)) is None, "only broker 2 itself can bring it back"
    assert others_out_of_sync(1, state(alone)) == "without a leader: audit-0"


def test_enough_replicas_stay_in_sync() -> None:
    assert too_few_left(1, state(WHOLE), accepted=False) is None
    assert too_few_left(2, state(BEHIND), accepted=True) == (
        "too few replicas would be left in sync of orders-1"
    ), "it can be spared once broker 1 is back, so nobody accepted its loss"
    assert too_few_left(1, state(BEHIND), accepted=False) is None, "it is missed already"


def test_what_can_never_be_spared_is_accepted_or_not() -> None:
    single = Partition("single", 0, 2, (2,), (2,))
    assert too_few_left(1, state(single), accepted=False) is None
    assert too_few_left(2, state(single), accepted=False) == (
        "too few replicas would be left in sync of single-0"
    )
    assert too_few_left(2, state(single), accepted=True) is None
    internal = Partition("__single", 0, 2, (2,), (2,))
    assert too_few_left(2, state(internal), accepted=False) is None


def test_who_is_gone_already_takes_nothing_away() -> None:
    single = Partition("single", 0, None, (2,), (2,))
    gone = state(single, registrations={1: 11, 3: 13})
    assert too_few_left(2, gone, accepted=False) is None


def test_who_was_taken_out_and_did_not_stop_is_in_sync_with_nobody() -> None:
    out = Partition("orders", 0, 1, (1, 2, 3), (1, 3))
    single = Partition("single", 0, 2, (2,), (2,))
    assert is_left_out(2, state(out, single))
    assert not is_left_out(1, state(out, single))
    assert not is_left_out(2, state(out, WHOLE)), "it lags, but somewhere it is in sync"
    assert not is_left_out(2, state(out, registrations={1: 11, 3: 13})), "it does not even run"
    assert not is_left_out(2, state(single)), "nobody else has what it holds"


def test_a_broker_is_back_with_a_new_registration_and_in_sync() -> None:
    assert not_back(1, 9, state(WHOLE)) is None
    assert not_back(1, 10, state(WHOLE)) == "broker 1 is still listed by its old registration"
    assert not_back(4, None, state(WHOLE)) == "broker 4 has not registered itself"
    assert not_back(1, 9, state(WHOLE, BEHIND)) == "broker 1 is not in sync yet: orders-1"


def test_a_broker_must_know_what_clients_will_ask_it_for() -> None:
    whole = state(WHOLE, BEHIND)
    assert unknown_to_broker(2, Cluster((1, 2, 3), 1, (WHOLE, BEHIND)), whole) is None
    assert unknown_to_broker(2, Cluster((1, 2, 3), 1, (BEHIND,)), whole) == (
        "broker 2 does not know orders-0"
    )
    assert unknown_to_broker(2, Cluster((2,), 1, (WHOLE, BEHIND)), whole) == (
        "broker 2: missing in the metadata: broker 1, 3"
    )


def test_users_partitions_get_their_leaders_first_and_apart_from_kafkas_own() -> None:
    own = [part("__consumer_offsets", number, 2, (1, 2, 3)) for number in range(4)]
    users = [part("orders", number, 2, (1, 2, 3)) for number in range(3)]
    probe = part(PROBE_TOPIC, 0, 2, (1, 2, 3))
    mixed = [own[0], *users, own[1], probe, *own[2:]]
    assert portions_to_lead(mixed, 3) == (
        tuple(users),
        (probe,),
        (own[0], own[1], own[2]),
        (own[3],),
    )
    assert portions_to_lead([], 3) == ()


def test_leaders_come_back_to_their_first_replica() -> None:
    moved = part("orders", 2, 2, (1, 2, 3))
    assert preferred_of(1, state(WHOLE, moved)) == (moved,)
    assert preferred_of(1, state(BEHIND)) == (), "who is not in sync cannot lead"
    assert not_leading(1, state(WHOLE)) is None
    assert not_leading(1, state(moved)) == "broker 1 does not lead yet: orders-2"


def test_a_broker_has_left_when_nobody_needs_it() -> None:
    alone = Partition("audit", 0, 2, (2,), (2,))
    assert still_needed(1, state(BEHIND, alone)) is None
    assert still_needed(2, state(alone)) is None, "what only it has cannot go elsewhere"
    assert still_needed(3, state(BEHIND)) == "broker 3 is still in sync: orders-1"
    assert still_needed(2, state(BEHIND)) == "broker 2 still leads orders-1"


def test_a_broker_with_more_partitions_than_may_wait_leaves_as_it_stops() -> None:
    wide = [part("wide", number, 1, (1, 2, 3)) for number in range(MUTED_AT_MOST)]
    assert not leaves_as_it_stops(1, state(*wide))
    assert leaves_as_it_stops(1, state(*wide, WHOLE))
    elsewhere = Partition("audit", 0, 2, (2,), (2,))
    assert not leaves_as_it_stops(1, state(*wide, elsewhere)), "only its own replicas count"
