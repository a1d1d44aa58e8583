"""Names by which clients come no more go with the next start that the product gives a broker."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from certs.facts import describe
from flows.access.set_public_access import set_public_access
from flows.certificates.replace_certificates import replace_certificates
from flows.domain import paths
from flows.domain.errors import EffectFailed
from flows.domain.instance import Status
from flows.domain.versions import VersionName
from flows.instances.change_flavor import change_flavor
from flows.instances.replace_broker import replace_broker
from flows.instances.restart_instance import restart_instance
from flows.instances.roll_back import roll_back
from flows.procedures.operation import Operation
from flows.queries.certificates import certificates
from flows.queries.show import show
from tests.flows.worlds import DEMO, created, effects_of, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.listeners import properties_of
from tests.world.world import World

FIRST, SECOND, THIRD = (
    tuple(f"203.0.113.{ten}{number}" for number in (1, 2, 3)) for ten in (1, 2, 3)
)
ALL: Mapping[str, Any] = {"instance": "demo"}


def public(eips: tuple[str, ...]) -> Mapping[str, Any]:
    return {"instance": "demo", "eips": ",".join(eips), "keep_old": 0}


@scene
def moved(version: VersionName = VersionName.V2_7) -> World:
    """Clients came by other EIPs once, which the certificates keep."""
    world = created({**DEMO, "version": version})
    world.ask(set_public_access, public(FIRST))
    world.ask(set_public_access, public(SECOND))
    world.effects.log.clear()
    return world


def names(world: World) -> list[set[str]]:
    """What each broker's certificate at PUBLIC is for; its file and what it was told agree."""
    found = []
    for host in world.provider.hosts.values():
        told = world.kafka.clusters[the_row(world).id].altered.get(host.machine.broker, {})
        key = "listener.name.public.ssl.keystore.location"
        written = properties_of(host.contents[paths.SERVER_PROPERTIES])[key]
        assert told.get(key, written) == written
        found.append(set(describe(world.tls.chain(host, "public")[0]).ip_addresses))
    return found


def at(*lists: tuple[str, ...]) -> list[set[str]]:
    return [set(each) for each in zip(*lists, strict=True)]


def starts(world: World) -> list[int]:
    return [host.kafka_starts for host in world.provider.hosts.values()]


def test_names_stay_until_a_restart_and_do_not_pile_up() -> None:
    world = moved()
    assert names(world) == at(FIRST, SECOND)
    world.ask(restart_instance, ALL)
    assert names(world) == at(SECOND)
    world.ask(set_public_access, public(THIRD))
    assert names(world) == at(SECOND, THIRD)
    assert starts(world) == [2, 2, 2]
    world.ask(replace_certificates, ALL)
    assert names(world) == at(SECOND, THIRD), "Kafka would refuse fewer"


def test_one_broker_alone_and_all_at_once() -> None:
    world = moved()
    world.ask(restart_instance, {**ALL, "broker": 2})
    (old, new) = at(FIRST, SECOND), at(SECOND)
    assert names(world) == [old[0], new[1], old[2]]
    world.ask(restart_instance, {**ALL, "mode": "full", "confirm": "demo"})
    assert names(world) == new


def test_any_roll_does_it() -> None:
    world = moved()
    world.ask(change_flavor, {**ALL, "flavor": "kafka.4u8g.cluster"})
    assert names(world) == at(SECOND)


def test_a_new_machine_begins_without_them() -> None:
    world = moved()
    host = next(each for each in world.provider.hosts.values() if each.machine.broker == 2)
    host.running = False
    world.ask(replace_broker, {**ALL, "broker": 2})
    found = {
        each.machine.broker: set(describe(world.tls.chain(each, "public")[0]).ip_addresses)
        for each in world.provider.hosts.values()
        if each.running
    }
    assert (found[1], found[2]) == ({FIRST[0], SECOND[0]}, {SECOND[1]})


def test_a_process_that_came_back_by_itself_keeps_them() -> None:
    """It starts with what it was told, and Kafka refuses fewer names than that."""
    world = moved()
    host = next(iter(world.provider.hosts.values()))
    host.kafka_starts += 1
    world.ask(set_public_access, public(THIRD))
    assert names(world) == at(FIRST, SECOND, THIRD)


def test_it_is_said_until_when_they_are_kept() -> None:
    world = created(DEMO)
    world.ask(set_public_access, public(FIRST))
    assert "certificate_names" not in show(world.records, "demo")["notes"]
    sentence = (
        "names by which clients come no more stay in the certificates, because a broker that has "
        "served a name does not take a certificate without it, until the broker is started anew "
        f"(restart-instance, or whatever else rolls): broker 1 PUBLIC: {FIRST[0]}; broker 2 "
        f"PUBLIC: {FIRST[1]}; broker 3 PUBLIC: {FIRST[2]}"
    )
    world.ask(set_public_access, {**public(SECOND), "plan_only": True})
    assert sentence in world.stage.pages["plan"]
    world.ask(set_public_access, public(SECOND))
    assert show(world.records, "demo")["notes"]["certificate_names"] == sentence
    assert certificates(world.doors(), "demo")["kept_names"] == sentence
    world.ask(replace_certificates, {**ALL, "plan_only": True})
    assert sentence in world.stage.pages["plan"]
    world.ask(restart_instance, ALL)
    assert "certificate_names" not in show(world.records, "demo")["notes"]
    assert certificates(world.doors(), "demo")["kept_names"] == ""


def test_plans_of_addresses_say_how_brokers_come_to_the_certificate() -> None:
    world = created(DEMO)
    world.ask(set_public_access, {**public(FIRST), "plan_only": True})
    assert (
        f"| broker 1 PUBLIC | serve a certificate for {FIRST[0]} too (live, with the listener, "
        "which there was not before: no restart) |"
    ) in world.stage.pages["plan"]
    for version, way in (
        (VersionName.V2_7, "live, from a new file: no restart"),
        (VersionName.V2_3, "live, in the same file: this release takes other names only in the"),
        (VersionName.V1_1, "live, in the same file: this release takes other names only in the"),
    ):
        world = moved(version)
        world.ask(set_public_access, {**public(THIRD), "plan_only": True})
        line = f"| broker 2 PUBLIC | serve a certificate for {THIRD[1]} too ({way}"
        assert line in world.stage.pages["plan"]


@pytest.mark.parametrize("version", list(VersionName))
def test_a_restart_that_was_taken_back_has_dropped_what_it_has_dropped(
    version: VersionName,
) -> None:
    world = moved(version)
    starting = 2
    world.ask(restart_instance, ALL)
    begun = [place for place, each in enumerate(world.effects.log) if "start_kafka" in each]
    world = moved(version)
    _troubled(world, (begun[0], Trouble.KILLED_AFTER), restart_instance, ALL)
    world.ask(roll_back, ALL)
    found = names(world)
    assert sorted(map(len, found)) == [1, 2, 2]
    assert sorted(starts(world)) == [1, 1, starting]
    world.ask(set_public_access, public(THIRD))
    assert [len(each) for each in names(world)] == [len(each) + 1 for each in found]
    world.ask(restart_instance, ALL)
    assert names(world) == at(THIRD)


POINTS = range(effects_of(moved(), restart_instance, ALL))


@pytest.mark.parametrize("point", POINTS)
def test_a_restart_that_was_cut_off_drops_them_all_the_same(point: int) -> None:
    world = moved()
    _troubled(world, (point, list(Trouble)[point % 4]), restart_instance, ALL)
    row = the_row(world)
    if row.status is not Status.RUNNING or row.wish.start_generation == 1:
        world.ask(restart_instance, ALL, who="grace")
    assert names(world) == at(SECOND)
    assert starts(world) == [2, 2, 2]


def _troubled(
    world: World,
    trouble: tuple[int, Trouble],
    operation: Operation[Any, Any],
    wish: Mapping[str, Any],
) -> None:
    world.effects.trouble_at, world.effects.trouble = trouble
    with suppress(EffectFailed, Killed):
        world.ask(operation, wish)
    world.effects.heal()
