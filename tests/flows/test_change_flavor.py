"""change-flavor on the fake world: up and down, interrupted anywhere, each broker once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status, UnitState
from flows.domain.machines import MachineSize
from flows.domain.paths import SERVER_PROPERTIES
from flows.instances.change_flavor import change_flavor
from tests.flows.worlds import Interlude, created, refused, replace_provider, the_row
from tests.world.effects import Effects, Killed, Trouble, changes
from tests.world.machines import FakeProvider
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


class Rebooting(FakeProvider):
    """Machines go down to get another size; what is enabled there comes up with them."""

    def __init__(self, effects: Effects) -> None:
        super().__init__(effects)
        self.restarts_to_resize = True
        self.resized: list[int] = []

    @changes
    def _give(self, name: str, size: MachineSize) -> None:
        """Down, another size, up again; at once."""
        others = [host for host in self.hosts.values() if host.machine.name != name]
        assert all(host.zookeeper is UnitState.ACTIVE for host in others)
        self.hosts[name].size = size
        self.resized.append(self.hosts[name].machine.broker)
        self.boot(name)


def rebooting() -> tuple[World, Rebooting]:
    world = created()
    provider = replace_provider(world, Rebooting)
    return world, provider


def test_where_machines_reboot_zookeepers_leader_comes_late() -> None:
    world, provider = rebooting()
    assert world.ask(change_flavor, UP).changed
    # Broker 1 controls first, and later 2; broker 3 has ZooKeeper's leader all the time.
    assert provider.resized == [2, 3, 1]
    for host in provider.hosts.values():
        assert (host.size.vcpus, host.started_with) == (4, host.contents[SERVER_PROPERTIES])


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(EFFECTS))
def test_a_change_with_reboots_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world, provider = rebooting()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with suppress(EffectFailed, Killed):
        world.ask(change_flavor, UP)
    world.effects.heal()
    world.ask(change_flavor, UP, who="grace")
    assert sorted(provider.resized) == [1, 2, 3]
    assert {host.size.vcpus for host in provider.hosts.values()} == {4}
    assert not world.ask(change_flavor, UP).changed


def test_no_machine_reboots_while_zookeeper_has_nobody_to_spare() -> None:
    world, provider = rebooting()
    second = next(host for host in provider.hosts.values() if host.machine.broker == 2)

    def fail() -> None:
        second.zookeeper = UnitState.FAILED

    with pytest.raises(GateTimeout, match="ZooKeeper does not serve yet on broker 2"):
        world.ask(change_flavor, UP, stage=Interlude("wait until broker 3 can be spared", fail))
    assert provider.resized == [2]
    second.zookeeper = UnitState.ACTIVE
    assert world.ask(change_flavor, UP).changed
    assert provider.resized == [2, 3, 1]
