"""A version that forgets its limits of connections is told them at each of its starts."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from flows.access.set_public_access import set_public_access
from flows.adapters.records.observed import Observed
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status, UnitState
from flows.instances.create_instance import create_instance
from tests.flows.worlds import created, effects_of, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

FORGETFUL = {"name": "demo", "version": "2.3.0"}
IN_FORCE = {f"listener.name.{name}.max.connections": "2000" for name in ("private", "cross")}
TOLD = "FakeKafka.alter_broker"


def altered(world: World) -> dict[int, dict[str, str]]:
    """What the brokers were told at run time."""
    return world.kafka.clusters[the_row(world).id].altered


def told(world: World) -> int:
    """How often a broker was told anything."""
    return world.effects.log.count(TOLD)


def start_again(world: World, broker: int) -> None:
    """The broker's process ended and systemd started it: it remembers nothing."""
    host = next(each for each in world.provider.hosts.values() if each.machine.broker == broker)
    host.kafka_starts += 1
    altered(world).pop(broker)


def test_every_broker_is_told_at_the_creation() -> None:
    world = World()
    world.ask(create_instance, FORGETFUL)
    assert altered(world) == dict.fromkeys((1, 2, 3), IN_FORCE)


PUBLIC = {"instance": "demo", "eips": "203.0.113.1,203.0.113.2,203.0.113.3"}
LIMIT_AT_PUBLIC = "listener.name.public.max.connections"


def test_a_listener_that_is_made_while_brokers_run_has_its_limit() -> None:
    world = created(FORGETFUL)
    world.ask(set_public_access, PUBLIC)
    assert [each.get(LIMIT_AT_PUBLIC) for each in altered(world).values()] == ["2000"] * 3


@pytest.mark.parametrize("trouble", [Trouble.FAILS, Trouble.KILLED_AFTER])
def test_and_has_it_wherever_its_making_was_cut_off(trouble: Trouble) -> None:
    whole = created(FORGETFUL)
    for at in range(effects_of(whole, set_public_access, PUBLIC)):
        world = created(FORGETFUL)
        world.effects.trouble_at, world.effects.trouble = at, trouble
        with suppress(EffectFailed, GateTimeout, Killed):
            world.ask(set_public_access, PUBLIC)
        world.effects.heal()
        world.ask(set_public_access, PUBLIC, who="grace")
        assert [each.get(LIMIT_AT_PUBLIC) for each in altered(world).values()] == ["2000"] * 3, at


@pytest.mark.parametrize("version", ["1.1.0", "2.7"])
def test_other_versions_are_told_nothing(version: str) -> None:
    world = created({"name": "demo", "version": version})
    world.sweep()
    assert altered(world) == {}


def test_the_sweep_tells_a_broker_that_started_by_itself_and_only_that_one() -> None:
    world = created(FORGETFUL)
    world.sweep()
    world.effects.log.clear()
    assert world.sweep() == "1 instances looked at"
    assert told(world) == 0

    start_again(world, 2)
    assert world.sweep().endswith("demo: limits of connections for brokers 2")
    assert told(world) == 2
    assert altered(world)[2] == IN_FORCE
    assert Observed.read(the_row(world).observed).limited == {1: 1.0, 2: 2.0, 3: 1.0}

    world.sweep()
    assert told(world) == 2


def test_a_broker_that_is_down_is_told_when_it_is_back() -> None:
    world = created(FORGETFUL)
    world.sweep()
    host = next(each for each in world.provider.hosts.values() if each.machine.broker == 3)
    host.kafka = UnitState.INACTIVE
    world.effects.log.clear()
    world.sweep()
    assert told(world) == 0
    host.kafka = UnitState.ACTIVE
    start_again(world, 3)
    world.sweep()
    assert altered(world)[3] == IN_FORCE


def _tellings() -> list[int]:
    world = World()
    world.ask(create_instance, FORGETFUL)
    return [at for at, name in enumerate(world.effects.log) if name == TOLD]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", _tellings())
def test_a_creation_that_ended_while_telling_is_finished_by_the_next_run(
    at: int, trouble: Trouble
) -> None:
    world = World()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises(BaseException, match=r"failed|lost|^$"):
        world.ask(create_instance, FORGETFUL)
    world.effects.heal()
    result: Any = world.ask(create_instance, FORGETFUL)
    assert result.changed
    assert the_row(world).status is Status.RUNNING
    assert altered(world) == dict.fromkeys((1, 2, 3), IN_FORCE)
