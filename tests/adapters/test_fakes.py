"""The fakes keep the contracts of the adapters that they stand for."""

from __future__ import annotations

from flows.domain.dnat import Rule, Translation
from flows.domain.instance import Instance
from flows.instances.create_instance import create_instance
from flows.steps.observation import remembered
from tests.adapters.contracts import (
    clock_contract,
    groups_contract,
    kafka_contract,
    kafka_refusals_contract,
    reassignment_contract,
    registrations_contract,
    zookeeper_contract,
)
from tests.adapters.contracts_access import (
    eips_contract,
    gateways_contract,
    security_groups_contract,
)
from tests.adapters.contracts_records import records_contract, secrets_contract
from tests.adapters.contracts_users import replicas_contract, revoking_contract, users_contract
from tests.world.world import World


def test_fake_records_keep_the_contract() -> None:
    world = World()
    gone = world.processes.here("gone", "link-gone")
    world.processes.dead.add("gone")
    world.effects.check = lambda: None
    records_contract(world.records, world.processes.here("living", "link-living"), gone)


def test_fake_secrets_keep_the_contract() -> None:
    secrets_contract(World().secrets)


def created() -> tuple[World, Instance]:
    """A world with one instance that runs."""
    world = World()
    world.ask(create_instance, {"name": "demo"})
    (row,) = world.records.living()
    return world, remembered(world.doors(), row)


def test_fake_zookeeper_keeps_the_contract() -> None:
    world, instance = created()
    zookeeper_contract(world.zookeeper, instance)
    registrations_contract(world.zookeeper, instance)


def test_fake_kafka_keeps_the_contract() -> None:
    world, instance = created()
    kafka_contract(world.kafka, instance)
    kafka_refusals_contract(world.kafka, instance)
    reassignment_contract(world.kafka, world.zookeeper, instance)
    world.kafka.clusters[instance.id].groups = {"billing": frozenset({"orders"})}
    groups_contract(world.kafka, instance)
    assert world.kafka.groups(instance) == {"billing": frozenset({"orders"})}


def test_fakes_keep_the_contracts_of_users() -> None:
    world = World()
    world.ask(create_instance, {"name": "demo", "sasl_ssl": True, "first_user": "alice"})
    (row,) = world.records.living()
    instance = remembered(world.doors(), row)
    users_contract(world.kafka, world.zookeeper, instance)
    revoking_contract(world.kafka, instance)
    replicas_contract(world.kafka, instance)


def test_fakes_keep_the_contracts_of_what_lies_before_an_instance() -> None:
    world, instance = created()
    rules = (Rule(1, "203.0.113.1", "198.18.0.11"), Rule(2, "203.0.113.2", "198.18.0.12"))
    gateways_contract(world.gateways, "gateway", Translation(instance.id, rules))
    machines = ("t0000001-1-1", "t0000001-2-1")
    eips_contract(world.provider, ("203.0.113.1", "203.0.113.2"), machines)
    security_groups_contract(world.provider, machines[0])


def test_fake_clock_keeps_the_contract() -> None:
    clock_contract(World().clock)
