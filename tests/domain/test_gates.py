"""Gates: None when we may go on, else the reason as a sentence."""

from __future__ import annotations

from flows.domain.cluster import Cluster
from flows.domain.gates import out_of_sync, quorum_missing, unknown_to_metadata, unregistered
from tests.domain.samples import part


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
