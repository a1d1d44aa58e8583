"""grow-storage on the fake world: once, interrupted anywhere, no broker restarted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flows.domain.errors import EffectFailed
from flows.domain.instance import Status
from flows.instances.grow_storage import grow_storage
from tests.flows.worlds import created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

WISH: Mapping[str, Any] = {"instance": "demo", "storage_per_broker": 300}


def effects() -> int:
    world = created()
    world.ask(grow_storage, WISH)
    return len(world.effects.log)


EFFECTS = effects()


def assert_grown(world: World) -> None:
    """Every disk and file system has its new size, and every broker is still in its first life."""
    row = the_row(world)
    assert (row.status, row.wish.storage_per_broker) == (Status.RUNNING, 300)
    assert row.revision == 2
    for host in world.provider.hosts.values():
        assert (host.size.disk_gb, host.file_system_gb) == (300, 300)
        assert host.kafka_starts == 1


def test_disks_grow_while_brokers_work() -> None:
    world = created()
    assert world.ask(grow_storage, WISH).changed
    assert_grown(world)
    assert not world.ask(grow_storage, WISH).changed
    assert [trace.name for trace in world.records.traces("demo")[-2:]] == [
        "extendDMSInstanceSuccess",
        "extendDMSInstanceTaskSuccess",
    ]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(EFFECTS))
def test_a_growth_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = created()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(grow_storage, WISH)
    world.effects.heal()

    world.ask(grow_storage, WISH, who="grace")
    assert_grown(world)
    third = world.ask(grow_storage, WISH)
    assert not third.changed
    assert "nothing to do" in third.sentence


def test_storage_grows_twenty_times_in_the_life_of_an_instance() -> None:
    world = created()
    world.provider.free = world.provider.free.__class__(64_000, 1_000_000)
    for size in range(200, 2_200, 100):
        world.ask(grow_storage, {"instance": "demo", "storage_per_broker": size})
    said = refused(world, grow_storage, {"instance": "demo", "storage_per_broker": 2_200})
    assert "grew 20 times; 20 are accepted" in said
    assert not world.ask(grow_storage, {"instance": "demo", "storage_per_broker": 2_100}).changed
