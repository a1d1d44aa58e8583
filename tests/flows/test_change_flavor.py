"""change-flavor on the fake world: up and down, interrupted anywhere, each broker once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.domain.errors import EffectFailed
from flows.domain.instance import Status, UnitState
from flows.instances.change_flavor import change_flavor
from tests.flows.worlds import created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

UP: Mapping[str, Any] = {"instance": "demo", "flavor": "kafka.4u8g.cluster"}
DOWN: Mapping[str, Any] = {"instance": "demo", "flavor": "kafka.2u4g.cluster"}


def effects() -> int:
    world = created()
    world.ask(change_flavor, UP)
    return len(world.effects.log)


EFFECTS = effects()


def assert_has(world: World, vcpus: int, memory_gb: int, starts: int) -> None:
    """Every machine has the size, and every broker was started so often in all."""
    assert the_row(world).status is Status.RUNNING
    for host in world.provider.hosts.values():
        assert (host.size.vcpus, host.size.memory_gb) == (vcpus, memory_gb)
        assert host.kafka is UnitState.ACTIVE
        assert host.kafka_starts == starts


def test_a_flavor_goes_up_and_down_again() -> None:
    world = created()
    assert world.ask(change_flavor, UP).changed
    assert_has(world, 4, 8, starts=2)
    assert not world.ask(change_flavor, UP).changed
    assert world.ask(change_flavor, DOWN).changed
    assert_has(world, 2, 4, starts=3)


def test_only_a_running_instance_changes_its_flavor() -> None:
    world = created()
    world.records.set_status(the_row(world).id, Status.FAULTY, "broker 2 does not answer")
    assert refused(world, change_flavor, UP) == 'instance "demo (Faulty)": accepted is Running'


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(EFFECTS))
def test_a_change_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = created()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    # What a wait does again and again, such as asking a broker to leave, may fail once.
    with suppress(EffectFailed, Killed):
        world.ask(change_flavor, UP)
    world.effects.heal()

    world.ask(change_flavor, UP, who="grace")
    assert_has(world, 4, 8, starts=2)
    third = world.ask(change_flavor, UP)
    assert not third.changed
    assert "nothing to do" in third.sentence


def test_another_wish_is_refused_while_a_change_is_unfinished() -> None:
    world = created()
    world.effects.trouble_at, world.effects.trouble = EFFECTS // 2, Trouble.KILLED_AFTER
    with pytest.raises(Killed):
        world.ask(change_flavor, UP)
    world.effects.heal()
    said = refused(world, change_flavor, {**UP, "flavor": "kafka.8u16g.cluster"})
    assert "change-flavor, asked for by ada, was cut off, and must be finished first" in said
