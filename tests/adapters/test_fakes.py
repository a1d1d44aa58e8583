"""The fakes keep the contracts of the adapters that they stand for."""

from __future__ import annotations

from tests.adapters.contracts_records import records_contract, secrets_contract
from tests.world.world import World


def test_fake_records_keep_the_contract() -> None:
    world = World()
    gone = world.processes.here("gone", "link-gone")
    world.processes.dead.add("gone")
    world.effects.check = lambda: None
    records_contract(world.records, world.processes.here("living", "link-living"), gone)


def test_fake_secrets_keep_the_contract() -> None:
    secrets_contract(World().secrets)
