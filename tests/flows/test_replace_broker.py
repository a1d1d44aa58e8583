"""replace-broker on the fake world: a dead machine gives way to a new one, interrupted anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flows.domain.cluster import NewTopic
from flows.domain.errors import EffectFailed
from flows.domain.instance import Status, UnitState
from flows.instances.delete_instance import delete_instance
from flows.instances.replace_broker import replace_broker
from flows.steps.observation import remembered
from tests.flows.worlds import DEMO, GOODBYE, created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.machines import FakeHost
from tests.world.world import World

WISH: Mapping[str, Any] = {"instance": "demo", "broker": 2, "throttle": 20}


def host_of(world: World, broker: int) -> FakeHost:
    """The only machine of a broker."""
    (found,) = [each for each in world.provider.hosts.values() if each.machine.broker == broker]
    return found


@scene
def with_dead(*brokers: int, topics: Mapping[str, tuple[int, ...]] | None = None) -> World:
    """A world in which these machines died; topics have one partition on these replicas."""
    world = created(DEMO)
    instance = remembered(world.doors(), the_row(world))
    for name, replicas in {"orders": (2, 3, 1), **(topics or {})}.items():
        world.kafka.create_topic(instance, NewTopic(name, {0: replicas}))
    for broker in brokers:
        host_of(world, broker).running = False
    world.effects.log.clear()
    return world


def effects() -> int:
    world = with_dead(2)
    world.ask(replace_broker, WISH)
    return len(world.effects.log)


EFFECTS = effects()


def assert_replaced(world: World, address: str) -> None:
    """Broker 2 runs on its second machine, at the old address; the others went on."""
    row = the_row(world)
    assert row.status is Status.RUNNING
    new = host_of(world, 2)
    assert (new.machine.generation, new.machine.address) == (2, address)
    assert [each.name for each in world.records.machines(row.id)] == sorted(world.provider.hosts)
    assert all(host.kafka is UnitState.ACTIVE for host in world.provider.hosts.values())
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    state = world.zookeeper.state(remembered(world.doors(), row))
    assert not [part for part in state.partitions if part.under_replicated]
    told = [*state.topic_configs.values(), *state.broker_configs.values()]
    assert not [key for values in told for key in values if "throttle" in key]


def test_a_dead_machine_is_replaced_at_its_address_with_new_keys() -> None:
    world = with_dead(2)
    old = host_of(world, 2)
    assert world.ask(replace_broker, WISH).changed
    assert_replaced(world, old.machine.address)
    stores = {name: value for (_, name), value in world.secrets.kept.items() if "store-" in name}
    before = [name for name in stores if "-2-" in name and not name.endswith("-2")]
    after = [name for name in stores if "-2-" in name and name.endswith("-2")]
    assert len(before) == len(after) == 4
    assert not {stores[name] for name in before} & {stores[name] for name in after}


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(EFFECTS))
def test_a_replacement_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = with_dead(2)
    address = host_of(world, 2).machine.address
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(replace_broker, WISH)
    world.effects.heal()

    replaced = the_row(world).wish.machine_of(2) == 2
    if not replaced or the_row(world).status is not Status.RUNNING:
        world.ask(replace_broker, WISH, who="grace")
    assert_replaced(world, address)
    assert "is alive" in refused(world, replace_broker, WISH)


def test_an_instance_with_a_replaced_machine_leaves_nothing_when_it_is_deleted() -> None:
    world = with_dead(2)
    world.ask(replace_broker, WISH)
    world.ask(delete_instance, GOODBYE)
    assert world.provider.hosts == {}


def test_a_machine_that_answers_is_not_replaced() -> None:
    world = with_dead()
    said = refused(world, replace_broker, WISH)
    assert said.startswith("broker 2: its machine t0000001-2-1 is alive: it answers over SSH")
    assert refused(world, replace_broker, {**WISH, "broker": 9}) == (
        "broker 9: the brokers of demo are 1, 2, 3"
    )


def test_a_second_dead_machine_of_the_ensemble_is_named() -> None:
    world = with_dead(2, 3)
    assert "the machine of broker 3 does not answer either" in refused(world, replace_broker, WISH)


def test_messages_that_only_the_dead_machine_had_are_named_and_need_a_yes() -> None:
    world = with_dead(2, topics={"logs": (2,)})
    assert refused(world, replace_broker, WISH) == (
        "accept_loss off: nobody but the dead machine has all messages of logs-0; bring the "
        "machine back, or accept that they are lost"
    )
    address = host_of(world, 2).machine.address
    world.ask(replace_broker, {**WISH, "accept_loss": True})
    assert_replaced(world, address)
