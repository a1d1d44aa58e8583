"""roll-back on the fake world: what was changed goes back, who was not touched stays untouched."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status, UnitState
from flows.instances.change_flavor import change_flavor
from flows.instances.restart_instance import restart_instance
from flows.instances.roll_back import roll_back
from flows.procedures.operation import Operation
from tests.flows.worlds import created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

BACK: Mapping[str, Any] = {"instance": "demo"}
UP: Mapping[str, Any] = {"instance": "demo", "flavor": "kafka.4u8g.cluster"}


def cut_off(
    operation: Operation[Any, Any], wish: Mapping[str, Any], effect: str, times: int
) -> World:
    """The operation was killed right after an effect had happened so often."""
    whole = created()
    whole.ask(operation, wish)
    places = [at for at, each in enumerate(whole.effects.log) if each == effect]
    world = created()
    world.effects.trouble_at, world.effects.trouble = places[times - 1], Trouble.KILLED_AFTER
    with pytest.raises(Killed):
        world.ask(operation, wish)
    world.effects.heal()
    world.effects.log.clear()
    return world


def starts(world: World) -> dict[int, int]:
    return {host.machine.broker: host.kafka_starts for host in world.provider.hosts.values()}


def assert_as_before(world: World) -> None:
    row = the_row(world)
    assert (row.status, row.wish.flavor) == (Status.RUNNING, "kafka.2u4g.cluster")
    for host in world.provider.hosts.values():
        assert (host.size.vcpus, host.kafka, host.held) == (2, UnitState.ACTIVE, ())


def test_a_flavor_goes_back_where_it_was_changed() -> None:
    world = cut_off(change_flavor, UP, "FakeHosts.start_kafka", 2)
    assert world.ask(roll_back, BACK, who="grace").changed
    assert_as_before(world)
    assert starts(world) == {1: 1, 2: 3, 3: 3}


def test_after_a_roll_back_the_same_change_can_be_asked_for_anew() -> None:
    world = cut_off(change_flavor, UP, "FakeHosts.start_kafka", 1)
    world.ask(roll_back, BACK)
    world.ask(change_flavor, UP)
    assert the_row(world).wish.flavor == "kafka.4u8g.cluster"
    assert starts(world) == {1: 2, 2: 4, 3: 2}


def test_a_restart_has_nothing_to_take_back_but_ends_safely() -> None:
    world = cut_off(restart_instance, BACK, "FakeHosts.stop_kafka", 2)
    world.ask(roll_back, BACK)
    assert_as_before(world)
    assert starts(world) == {1: 1, 2: 2, 3: 2}
    world.ask(restart_instance, BACK)
    assert starts(world) == {1: 2, 2: 3, 3: 3}


def effects() -> int:
    world = cut_off(change_flavor, UP, "FakeHosts.start_kafka", 2)
    world.ask(roll_back, BACK)
    return len(world.effects.log)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(effects()))
def test_a_roll_back_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = cut_off(change_flavor, UP, "FakeHosts.start_kafka", 2)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(roll_back, BACK)
    world.effects.heal()
    if the_row(world).status is not Status.RUNNING:
        world.ask(roll_back, BACK, who="grace")
    assert_as_before(world)
    assert starts(world) == {1: 1, 2: 3, 3: 3}


def test_an_instance_at_rest_has_nothing_to_go_back_from() -> None:
    assert refused(created(), roll_back, BACK) == (
        'instance "demo (Running)": accepted is Change failed or Changing or Restarting'
    )


def test_a_disk_that_has_grown_has_no_way_back() -> None:
    world = created()
    row = the_row(world)
    grown = row.wish.model_copy(update={"storage_per_broker": 200})
    world.records.set_status(row.id, Status.CHANGE_FAILED, "lost")
    world.records.revise(row.id, grown, epoch=2)
    assert refused(world, roll_back, BACK) == (
        'storage_per_broker "200": this has no way back; ask for the same change again to finish it'
    )
