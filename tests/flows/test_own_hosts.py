"""Instances on hosts of one's own: taken with a marker, given back clean, never lost between."""

from __future__ import annotations

import pytest

from flows.domain.errors import EffectFailed
from flows.domain.instance import Status, UnitState
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from tests.flows.worlds import GOODBYE, cut_off, effects_of, refused, scene, the_row
from tests.world.effects import Trouble
from tests.world.own_hosts import ZONES, FakeOwnHosts
from tests.world.world import World

DEMO = {"name": "demo", "sasl_ssl": True, "first_user": "alice"}


def own(world: World) -> FakeOwnHosts:
    """The hosts of the world."""
    assert isinstance(world.provider, FakeOwnHosts)
    return world.provider


@scene
def created() -> World:
    """A world with a running instance on three of its five hosts."""
    world = World(FakeOwnHosts)
    world.ask(create_instance, DEMO)
    world.effects.log.clear()
    return world


CREATION_EFFECTS = effects_of(World(FakeOwnHosts), create_instance, DEMO)
DELETION_EFFECTS = effects_of(created(), delete_instance, GOODBYE)


def assert_all_given_back(world: World) -> None:
    """Every host is free and holds nothing, with at most a sweep in between."""
    world.sweep()
    assert world.records.living() == ()
    assert world.provider.hosts == {}
    assert own(world).left == {}
    assert len(own(world).unused) == len(ZONES)
    assert all(host.owner is None and not host.files for host in own(world).unused)
    assert world.secrets.kept == {}


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(CREATION_EFFECTS))
def test_a_creation_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = World(FakeOwnHosts)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, create_instance, DEMO)

    world.ask(create_instance, DEMO, who="grace")
    row = the_row(world)
    assert row.status is Status.RUNNING
    hosts = world.provider.hosts.values()
    assert [host.kafka for host in hosts] == [UnitState.ACTIVE] * 3
    assert all(host.kafka_starts == 1 and host.owner == row.id for host in hosts)
    assert not world.ask(create_instance, DEMO).changed

    world.ask(delete_instance, GOODBYE)
    assert_all_given_back(world)


@pytest.mark.parametrize("trouble", [Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER])
@pytest.mark.parametrize("at", range(CREATION_EFFECTS))
def test_a_killed_creation_can_be_deleted_by_anybody(at: int, trouble: Trouble) -> None:
    world = World(FakeOwnHosts)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, create_instance, DEMO)
    if world.records.find("demo"):
        world.ask(delete_instance, GOODBYE, who="grace")
    assert_all_given_back(world)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(DELETION_EFFECTS))
def test_a_deletion_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = created()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    cut_off(world, delete_instance, GOODBYE)
    again = world.ask(delete_instance, GOODBYE)
    assert again.changed or "nothing to do" in again.sentence
    assert_all_given_back(world)


def test_a_host_that_died_keeps_no_instance_and_is_not_taken_before_it_is_clean() -> None:
    world = created()
    dead = world.provider.hosts["t0000001-2-1"]
    dead.running = False
    world.ask(delete_instance, GOODBYE)
    assert world.records.living() == ()
    sentence = (
        "t0000001-2-1 (192.0.2.12): it does not answer; it is left as it is, and is not taken "
        "again before it has been cleaned"
    )
    assert sentence in world.stage.lines
    assert sentence in world.stage.pages["hosts-to-be-cleaned"]
    assert dead not in own(world).unused

    again = refused(world, create_instance, {**DEMO, "brokers": 4})
    assert again == "brokers: too few free hosts in zone-1"
    world.sweep()
    assert list(own(world).left) == ["t0000001-2-1"]
    dead.running = True
    assert world.sweep() == "0 instances looked at; t0000001-2-1: cleaned"
    assert_all_given_back(world)


def test_a_host_that_is_another_one_now_is_skipped_as_well() -> None:
    world = created()

    def somebody_else(machine: object) -> bool:
        raise EffectFailed("another host key than the pinned one is shown there")

    world.hosts.reachable = somebody_else  # type: ignore[method-assign]
    world.ask(delete_instance, GOODBYE)
    assert world.records.living() == ()
    assert len(own(world).left) == 3


def test_hosts_are_chosen_by_zone_and_refused_by_number() -> None:
    world = World(FakeOwnHosts)
    world.ask(create_instance, {**DEMO, "availability_zones": 3})
    machines = world.records.machines("t0000001")
    assert [machine.zone for machine in machines] == ["zone-1", "zone-2", "zone-3"]
    assert {(machine.user, machine.port) for machine in machines} == {("ops", 2222)}
    wish = {**DEMO, "name": "more", "availability_zones": 3}
    assert "too few free hosts in zone-2; brokers: too few free hosts in zone-3" in refused(
        world, create_instance, wish
    )


def test_what_will_be_taken_and_given_back_is_said() -> None:
    world = World(FakeOwnHosts)
    world.ask(create_instance, {**DEMO, "plan_only": True})
    assert "take a host of zone-1: 2 vCPUs, 4 GB, 100 GB of disk" in world.stage.pages["plan"]
    world = created()
    world.ask(delete_instance, {**GOODBYE, "plan_only": True})
    assert "clean the host of t0000001-1-1" in world.stage.pages["plan"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "lab",
            'provider "lab": accepted here are hosts; `fleet up` brings the lab up',
        ),
        ("cloud", 'provider "cloud": accepted are lab, hosts'),
    ],
)
def test_a_provider_that_is_not_here_is_refused(name: str, sentence: str) -> None:
    world = World(FakeOwnHosts)
    assert refused(world, create_instance, {**DEMO, "provider": name}) == sentence


def test_the_provider_is_part_of_the_wish() -> None:
    world = created()
    assert the_row(world).wish.provider == "hosts"
    assert not world.ask(create_instance, {**DEMO, "provider": "hosts"}).changed
