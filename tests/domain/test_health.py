"""Judging an instance: why it is faulty, which status follows, what the sweep tidies up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.cluster import Cluster, Partition
from flows.domain.health import (
    LEFT_BEHIND,
    SWEPT,
    elections_due,
    faults,
    reason_after,
    status_after,
    topics_without_permissions,
)
from flows.domain.instance import HostState, Status, UnitState
from tests.domain.samples import OFTEN, instance, part, serving, wish, with_broker

WELL = serving(instance(wish(brokers=4)))
HEALTHY = Cluster((1, 2, 3, 4), 1, (part("orders", 0, 1, (1, 2, 3)),))


def test_a_well_instance_has_no_fault() -> None:
    assert faults(WELL, HEALTHY) == ()


def test_each_broker_has_its_own_fault() -> None:
    down = HostState(zookeeper=UnitState.ACTIVE, kafka=UnitState.FAILED)
    alone = HostState(zookeeper=UnitState.INACTIVE, kafka=UnitState.ACTIVE)
    seen = with_broker(WELL, 1, machine=None)
    seen = with_broker(seen, 2, host=None)
    seen = with_broker(seen, 3, host=alone)
    seen = with_broker(seen, 4, host=down)
    assert faults(seen, None) == (
        "broker 1 has no machine",
        "broker 2: its machine k7m2p9qa-2-1 does not answer over SSH",
        "broker 3: ZooKeeper is inactive on k7m2p9qa-3-1",
        "broker 4: Kafka is failed on k7m2p9qa-4-1",
    )


def test_a_broker_that_runs_without_being_registered_is_faulty() -> None:
    assert faults(with_broker(WELL, 2, registered=False), HEALTHY) == (
        "broker 2: Kafka runs but is not registered in ZooKeeper",
    )


def test_a_broker_beyond_the_ensemble_needs_no_zookeeper() -> None:
    host = HostState(zookeeper=UnitState.ABSENT, kafka=UnitState.ACTIVE)
    assert faults(with_broker(WELL, 4, host=host), HEALTHY) == ()


def test_a_disk_that_is_not_mounted_is_named_instead_of_the_services_that_wait_for_it() -> None:
    host = HostState(kafka=UnitState.INACTIVE, disk_mounted=False)
    assert faults(with_broker(WELL, 2, host=host), HEALTHY) == (
        "broker 2: its data disk is not mounted on k7m2p9qa-2-1",
    )


def test_a_cluster_that_does_not_answer_is_a_fault_of_its_own() -> None:
    assert faults(WELL, None) == ("Kafka does not answer on CONTROL",)


def test_partitions_without_a_leader_are_counted_and_one_is_named() -> None:
    lost = [part("orders", number, None, ()) for number in (3, 5)]
    assert faults(WELL, Cluster((1, 2, 3), 1, tuple(lost))) == (
        "2 partitions have no leader, among them orders-3",
    )


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("found", [(), ("broker 2 has no machine",)])
def test_the_sweep_moves_between_running_and_faulty_and_ends_lost_changes(
    status: Status, found: tuple[str, ...]
) -> None:
    after = status_after(status, found)
    if status in (Status.CHANGING, Status.RESTARTING):
        assert after is Status.CHANGE_FAILED
    elif status in (Status.RUNNING, Status.FAULTY):
        assert after is (Status.FAULTY if found else Status.RUNNING)
    else:
        assert after is status


@pytest.mark.parametrize("status", list(Status))
def test_the_reason_is_the_faults_and_what_was_lost(status: Status) -> None:
    lost = "the operation that was changing it ended without a report"
    left_behind = status in (Status.CHANGING, Status.RESTARTING)
    assert reason_after(status, ()) == (lost if left_behind else "")
    assert reason_after(status, ("a", "b")) == (f"{lost}; a; b" if left_behind else "a; b")


def test_the_statuses_of_the_sweep_are_those_it_can_change() -> None:
    changed = {each for each in Status if status_after(each, ("x",)) != each or each in SWEPT}
    assert changed == {*SWEPT, *LEFT_BEHIND}


def test_only_topics_of_users_without_a_list_are_bare() -> None:
    topics = ("orders", "audit", "__consumer_offsets", "__fleet_probe")
    cluster = Cluster(partitions=tuple(part(topic, 0, 1, (1, 2, 3)) for topic in topics))
    assert topics_without_permissions(cluster, {"audit"}) == ("orders",)
    assert topics_without_permissions(cluster, ()) == ("audit", "orders")


def test_a_leader_goes_back_when_its_broker_is_in_every_in_sync_set() -> None:
    moved = part("orders", 0, 2, (1, 2, 3))
    at_home = part("orders", 1, 1, (1, 2, 3))
    assert elections_due(Cluster(partitions=(moved, at_home))) == (("orders", 0),)


def test_a_leader_stays_while_its_broker_is_behind_anywhere() -> None:
    moved = part("orders", 0, 2, (1, 2, 3))
    behind = part("audit", 0, 2, (2, 3))
    assert elections_due(Cluster(partitions=(moved, behind))) == ()


def test_a_partition_without_a_leader_is_left_to_kafka() -> None:
    assert elections_due(Cluster(partitions=(part("orders", 0, None, (1, 2, 3)),))) == ()


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """Any cluster of five brokers."""
    brokers = st.permutations([1, 2, 3, 4, 5]).map(lambda order: tuple(order[:3]))
    found = []
    for number in range(draw(st.integers(0, 6))):
        replicas = draw(brokers)
        in_sync = tuple(b for b in replicas if draw(st.booleans()))
        leader = draw(st.sampled_from([None, *in_sync]))
        found.append(Partition("orders", number, leader, replicas, in_sync))
    return Cluster((1, 2, 3, 4, 5), 1, tuple(found))


@OFTEN
@given(clusters())
def test_an_election_never_names_a_broker_that_is_missing_anywhere(cluster: Cluster) -> None:
    parts = {(each.topic, each.number): each for each in cluster.partitions}
    due = elections_due(cluster)
    for key in due:
        preferred = parts[key].replicas[0]
        assert parts[key].leader not in (None, preferred)
        holding = [each for each in cluster.partitions if preferred in each.replicas]
        assert all(preferred in each.in_sync for each in holding)
    settled = replace(
        cluster,
        partitions=tuple(
            replace(each, leader=each.replicas[0]) if key in due else each
            for key, each in parts.items()
        ),
    )
    assert elections_due(settled) == ()
