"""A broker with many partitions comes back in portions, and nothing holds it back afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.domain.cluster import NewTopic
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.gates import MUTED_AT_MOST
from flows.domain.instance import Status
from flows.instances.restart_instance import restart_instance
from tests.flows.test_restart import assert_settled, starts
from tests.flows.worlds import created, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

ONE: Mapping[str, Any] = {"instance": "demo", "broker": 2}
PARTITIONS = 300


@scene
def many() -> World:
    """Every broker has a replica of three hundred partitions."""
    return with_partitions(PARTITIONS)


@scene
def crowded() -> World:
    """Every broker has more replicas than may wait while it is muted."""
    return with_partitions(MUTED_AT_MOST)


def with_partitions(count: int) -> World:
    """A topic with so many partitions, replicated on every broker."""
    world = created()
    turns = [(1, 2, 3), (2, 3, 1), (3, 1, 2)]
    wide = NewTopic("wide", {number: turns[number % 3] for number in range(count)})
    world.kafka.clusters[the_row(world).id].topics["wide"] = wide
    return world


def nothing_is_held_back(world: World) -> bool:
    cluster = world.kafka.clusters[the_row(world).id]
    settings = [topic.config for topic in cluster.topics.values()]
    return not any("throttled" in key for each in (*settings, *cluster.altered.values())
                   for key in each)  # fmt: skip


def held_back_effects() -> list[int]:
    """Where in the restart something is told to hold back, or to let go, and what is around it."""
    world = many()
    before = len(world.effects.log)
    world.ask(restart_instance, ONE)
    log = world.effects.log[before:]
    return [at for at, each in enumerate(log) if each == "FakeKafka.configure"]


def test_a_broker_with_many_partitions_comes_back_in_portions() -> None:
    world = many()
    world.ask(restart_instance, ONE)
    assert "broker 2: come back, one portion after the other" in world.stage.titles
    # Held back, four portions, what counts after the first of them, let go.
    assert len(held_back_effects()) == 1 + 4 + 1 + 1
    assert nothing_is_held_back(world)
    assert_settled(world)


def test_a_broker_with_too_many_partitions_to_be_muted_leaves_as_it_stops() -> None:
    for world, asked_before in ((many(), True), (crowded(), False)):
        before = len(world.effects.log)
        world.ask(restart_instance, ONE)
        log = world.effects.log[before:]
        assert ("FakeKafka.shut_down" in log[: log.index("FakeHosts.stop_kafka")]) is asked_before
        assert_settled(world)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", held_back_effects())
def test_nothing_stays_held_back_whatever_was_cut_off(at: int, trouble: Trouble) -> None:
    world = many()
    world.effects.trouble_at, world.effects.trouble = len(world.effects.log) + at, trouble
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(restart_instance, ONE)
    world.effects.heal()
    if the_row(world).status is not Status.RUNNING or starts(world) != [1, 2, 1]:
        world.ask(restart_instance, ONE, who="grace")
    assert starts(world) == [1, 2, 1]
    assert nothing_is_held_back(world)
    assert_settled(world)


def test_the_next_roll_frees_a_broker_that_a_killed_one_held_back() -> None:
    world = many()
    at = held_back_effects()[1]
    world.effects.trouble_at = len(world.effects.log) + at
    world.effects.trouble = Trouble.KILLED_BEFORE
    with pytest.raises(Killed):
        world.ask(restart_instance, ONE)
    world.effects.heal()
    assert not nothing_is_held_back(world)
    world.ask(restart_instance, ONE, who="grace")
    assert nothing_is_held_back(world)
