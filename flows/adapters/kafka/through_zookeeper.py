"""What the brokers of an old version cannot be asked for, done by way of ZooKeeper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from flows.domain.cluster import ClusterState, Partition
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance

ELECTION = "/admin/preferred_replica_election"


class Nodes(Protocol):
    """The ensemble of an instance, as far as it stands in for its brokers."""

    def merge_config(self, instance: Instance, path: str, values: Mapping[str, str]) -> bool: ...
    def announce(self, instance: Instance, change: str) -> None: ...
    def configure(
        self, instance: Instance, settings: Mapping[str, Mapping[str, str | None]]
    ) -> None: ...
    def place(self, instance: Instance, path: str, data: str) -> bool: ...
    def order(self, instance: Instance, path: str, data: str) -> None: ...
    def state(self, instance: Instance) -> ClusterState: ...


def elect_through_zookeeper(
    nodes: Nodes, instance: Instance, partitions: Sequence[tuple[str, int]]
) -> None:
    """The first replica leads each of the partitions, at least one."""
    found = _found(nodes, instance)
    # The controller of 1.1.0 stumbles over partitions that are not there: the order stays.
    due = [each for each in dict.fromkeys(partitions) if each in found and not _led(found[each])]
    if due:
        nodes.order(instance, ELECTION, _election(due))
        found = _found(nodes, instance)
    left = [each for each in partitions if each not in found or not _led(found[each])]
    if left:
        names = ", ".join(f"{topic}-{number}" for topic, number in left)
        raise EffectFailed(
            f"Kafka of {instance.name}: electing preferred leaders failed: {names} not led by "
            "the first replica, which must be there and in sync"
        )


def _found(nodes: Nodes, instance: Instance) -> dict[tuple[str, int], Partition]:
    return {(each.topic, each.number): each for each in nodes.state(instance).partitions}


def _led(partition: Partition) -> bool:
    return partition.leader == partition.preferred_leader


def _election(partitions: Sequence[tuple[str, int]]) -> str:
    asked = [{"topic": topic, "partition": number} for topic, number in partitions]
    return json.dumps({"version": 1, "partitions": asked})
