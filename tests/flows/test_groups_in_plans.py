"""Which consumer groups a roll lets wait is in its plan; asked for only where it matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flows.domain.cluster import NewTopic
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.instances.change_flavor import change_flavor
from flows.instances.grow_storage import grow_storage
from flows.instances.modify_instance import modify_instance
from flows.instances.restart_instance import restart_instance
from flows.procedures.operation import Operation
from tests.flows.worlds import created, the_row
from tests.world.kafka import FakeKafka
from tests.world.world import World

ASK: Mapping[str, Any] = {"instance": "demo", "plan_only": True, "at_risk": "accept"}
ROLLS: list[tuple[Operation[Any, Any], Mapping[str, Any]]] = [
    (restart_instance, ASK),
    (change_flavor, {**ASK, "flavor": "kafka.4u8g.cluster"}),
    (modify_instance, {**ASK, "auto_create_topics": "on"}),
]


class Asked(FakeKafka):
    """Counts how often groups are asked for; silent when the test says so."""

    times = 0
    silent = False

    def groups(self, instance: Instance) -> Mapping[str, frozenset[str]]:
        """Counted."""
        self.times += 1
        if self.silent:
            raise EffectFailed("Kafka of demo: telling its consumer groups took too long")
        return super().groups(instance)


def with_topic(*replicas: int) -> tuple[World, Asked]:
    """An instance whose topic `orders` is read by `billing`, and another group reads nothing."""
    world = created()
    kafka = world.kafka = Asked(world.effects, world.zookeeper)
    cluster = kafka.clusters[the_row(world).id]
    cluster.topics["orders"] = NewTopic("orders", {0: replicas})
    cluster.groups = {"billing": frozenset({"orders"}), "idle": frozenset()}
    return world, kafka


@pytest.mark.parametrize(("operation", "wish"), ROLLS)
def test_the_plan_names_the_groups_that_wait(
    operation: Operation[Any, Any], wish: Mapping[str, Any]
) -> None:
    world, _ = with_topic(2)
    world.ask(operation, wish)
    assert "- consumer groups that wait meanwhile: billing\n" in world.stage.pages["plan"]


def test_nobody_waits_when_replicas_are_raised() -> None:
    world, _ = with_topic(2)
    world.ask(restart_instance, {**ASK, "at_risk": "raise-replicas"})
    assert "consumer groups" not in world.stage.pages["plan"]


def test_that_they_are_not_known_is_said() -> None:
    world, kafka = with_topic(2)
    kafka.silent = True
    world.ask(restart_instance, ASK)
    assert (
        "- consumer groups that wait meanwhile are not known: "
        "Kafka of demo: telling its consumer groups took too long\n"
    ) in world.stage.pages["plan"]


def test_they_are_asked_for_only_by_a_plan_of_a_roll_that_they_may_feel() -> None:
    world, kafka = with_topic(2, 3)
    world.ask(restart_instance, ASK)
    assert kafka.times == 0, "the other replica goes on"
    world, kafka = with_topic(2)
    world.ask(grow_storage, {"instance": "demo", "storage_per_broker": 200, "plan_only": True})
    assert kafka.times == 0, "no broker restarts for it"
    world.ask(restart_instance, {**ASK, "plan_only": False})
    assert kafka.times == 2, "for the plan that is shown and for the one that is carried out"
