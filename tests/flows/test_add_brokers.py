"""add-brokers on the fake world: new ones come, old ones go on, partitions move when asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flows.domain.cluster import NewTopic
from flows.domain.errors import EffectFailed
from flows.domain.instance import Status, UnitState
from flows.domain.machines import Room
from flows.instances.add_brokers import add_brokers
from flows.steps.observation import remembered
from tests.flows.worlds import created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

FOUR: Mapping[str, Any] = {"instance": "demo", "brokers": 4}
SPREAD: Mapping[str, Any] = {**FOUR, "rebalance": True, "throttle": 50}


@scene
def loaded() -> World:
    """A world whose instance has a topic on three brokers."""
    world = created()
    instance = remembered(world.doors(), the_row(world))
    replicas = dict.fromkeys(range(8), (1, 2, 3))
    world.kafka.create_topic(instance, NewTopic("orders", replicas))
    world.effects.log.clear()
    return world


def effects() -> int:
    world = loaded()
    world.ask(add_brokers, SPREAD)
    return len(world.effects.log)


EFFECTS = effects()


def assignment(world: World, topic: str) -> Mapping[int, tuple[int, ...]]:
    """Partition -> replicas."""
    return world.kafka.clusters[the_row(world).id].topics[topic].assignment


def assert_grown(world: World) -> None:
    """Four brokers, each started once; the probe leads on each."""
    row = the_row(world)
    assert (row.status, row.wish.brokers) == (Status.RUNNING, 4)
    hosts = world.provider.hosts.values()
    assert sorted(host.machine.broker for host in hosts) == [1, 2, 3, 4]
    assert all(host.kafka is UnitState.ACTIVE and host.kafka_starts == 1 for host in hosts)
    assert {each[0] for each in assignment(world, "__fleet_probe").values()} == {1, 2, 3, 4}
    for told in world.kafka.clusters[row.id].altered.values():
        known = told["max.connections.per.ip.overrides"]
        assert all(f"{host.machine.address}:" in known for host in hosts)


def assert_spread(world: World) -> None:
    """Partitions and leaders of the users' topic lie evenly, and no throttle is left."""
    replicas = [broker for each in assignment(world, "orders").values() for broker in each]
    leaders = [each[0] for each in assignment(world, "orders").values()]
    for broker in (1, 2, 3, 4):
        assert replicas.count(broker) == 6
        assert leaders.count(broker) == 2
    state = world.zookeeper.state(remembered(world.doors(), the_row(world)))
    told = [*state.topic_configs.values(), *state.broker_configs.values()]
    assert not [key for values in told for key in values if "throttle" in key]


def test_new_brokers_come_and_topics_stay_where_they_are() -> None:
    world = loaded()
    assert world.ask(add_brokers, FOUR).changed
    assert_grown(world)
    assert set(assignment(world, "orders").values()) == {(1, 2, 3)}
    assert not world.ask(add_brokers, FOUR).changed


def test_partitions_move_onto_the_new_broker_when_asked() -> None:
    world = loaded()
    world.ask(add_brokers, SPREAD)
    assert_grown(world)
    assert_spread(world)


def test_a_rebalance_can_be_asked_for_later() -> None:
    world = loaded()
    world.ask(add_brokers, FOUR)
    assert world.ask(add_brokers, SPREAD).changed
    assert_grown(world)
    assert_spread(world)
    assert not world.ask(add_brokers, SPREAD).changed


def test_throttles_that_were_left_behind_are_something_to_do() -> None:
    world = loaded()
    world.ask(add_brokers, SPREAD)
    left = {"follower.replication.throttled.rate": "1000"}
    world.kafka.clusters[the_row(world).id].altered[4] = left
    assert world.ask(add_brokers, SPREAD).changed
    assert_spread(world)
    assert not world.ask(add_brokers, SPREAD).changed


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(EFFECTS))
def test_a_growth_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = loaded()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(add_brokers, SPREAD)
    world.effects.heal()

    world.ask(add_brokers, SPREAD, who="grace")
    assert_grown(world)
    assert_spread(world)
    third = world.ask(add_brokers, SPREAD)
    assert not third.changed
    assert "nothing to do" in third.sentence


@pytest.mark.parametrize(
    ("brokers", "sentence"),
    [
        (2, "brokers 2: demo has 3 brokers, and they are never fewer; more is accepted"),
        (31, "brokers 31: kafka.2u4g.cluster has 3 to 30 brokers"),
        (20, "brokers 17: they need 69632 MB of memory together and the fake cloud has 64000 MB"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_numbers(brokers: int, sentence: str) -> None:
    world = created()
    assert refused(world, add_brokers, {**FOUR, "brokers": brokers}).startswith(sentence)
    assert len(world.provider.hosts) == 3


def test_a_provider_without_addresses_is_named() -> None:
    world = created()
    world.provider.free = Room(64_000, 10_000, addresses=1)
    said = refused(world, add_brokers, {**FOUR, "brokers": 5})
    assert said.startswith("brokers 2: each needs an address and the fake cloud has 1 free")
