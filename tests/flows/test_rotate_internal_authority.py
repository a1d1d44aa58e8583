"""The internal authority rotates; the world checks after every effect that nobody is locked out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from certs.facts import describe
from flows.certificates.rotate_internal_authority import rotate_internal_authority
from flows.domain import paths
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, Status
from flows.instances.replace_broker import replace_broker
from tests.flows.worlds import DEMO, created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.listeners import properties_of
from tests.world.world import World

WISH = {"instance": "demo"}
OLD = {**DEMO, "version": "1.1.0"}


def shown(world: World) -> set[str]:
    """Who signed what brokers show each other and the product."""
    return {
        describe(world.tls.chain(host, listener)[0]).issuer.split(",")[0]
        for host in world.provider.hosts.values()
        for listener in ("internal", "control")
    }


def assert_rotated(world: World, starts: int = 1) -> None:
    """Everybody shows and trusts the second authority alone."""
    row = the_row(world)
    assert row.status is Status.RUNNING
    assert (row.wish.internal.authority, row.wish.internal.trusted) == (2, (2,))
    assert [name.rpartition(" ")[2] for name in shown(world)] == ["g2"]
    for host in world.provider.hosts.values():
        assert host.kafka_starts == starts
        trusted = world.tls.trusted(host, "internal")
        assert trusted is not None
        assert {name.split(",")[0].rpartition(" ")[2] for name in trusted} == {"g2"}
        told = world.kafka.clusters[row.id].altered.get(host.machine.broker, {})
        written = properties_of(host.contents[paths.SERVER_PROPERTIES])
        assert all(written[key] == path for key, path in told.items() if "store.location" in key)
    assert (row.id, "internal-authority-1") not in world.secrets.kept
    assert (row.id, "control-certificate") not in world.secrets.kept


def test_it_rotates_without_a_restart() -> None:
    world = created(DEMO)
    clients = world.secrets.kept[the_row(world).id, "clients-authority-1"]
    world.ask(rotate_internal_authority, WISH)
    assert_rotated(world)
    assert world.secrets.kept[the_row(world).id, "clients-authority-1"] == clients
    page = world.stage.pages["plan"]
    assert "| broker 1 INTERNAL, CONTROL | trust authority 2 beside 1 (live, no restart) |" in page


def test_nothing_is_cross_signed_on_the_way() -> None:
    """All trust the new authority before anybody shows a certificate of it."""
    world = created(DEMO)
    sent: set[int] = set()
    alter = world.kafka.alter_broker

    def told(instance: Instance, broker: int, values: Mapping[str, str]) -> None:
        alter(instance, broker, values)
        hosts = world.provider.hosts.values()
        sent.update(len(world.tls.chain(each, "internal")) for each in hosts)

    world.kafka.alter_broker = told  # type: ignore[method-assign]
    world.ask(rotate_internal_authority, WISH)
    assert sent == {1}
    assert not [name for _, name in world.secrets.kept if "internal-cross" in name]


def test_an_old_version_restarts_in_every_phase() -> None:
    world = created(OLD)
    world.ask(rotate_internal_authority, WISH)
    assert_rotated(world, starts=4)
    assert "(stopped and started again)" in world.stage.pages["plan"]


def test_a_broker_that_is_down_is_named() -> None:
    world = created(DEMO)
    next(iter(world.provider.hosts.values())).running = False
    assert "broker 1 is down" in refused(world, rotate_internal_authority, WISH)


def test_a_replaced_machine_has_the_new_authority() -> None:
    world = created(DEMO)
    world.ask(rotate_internal_authority, WISH)
    dead = next(host for host in world.provider.hosts.values() if host.machine.broker == 3)
    world.provider.hosts.pop(dead.machine.name)
    world.ask(replace_broker, {"instance": "demo", "broker": 3})
    assert [name.rpartition(" ")[2] for name in shown(world)] == ["g2"]


def effects_of(world: World) -> int:
    world.ask(rotate_internal_authority, WISH)
    return len(world.effects.log)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(effects_of(created(DEMO))))
def test_cut_off_anywhere_the_next_run_finishes(at: int, trouble: Trouble) -> None:
    world = created(DEMO)
    before = the_row(world).wish
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(rotate_internal_authority, WISH)
    world.effects.heal()
    row = the_row(world)
    if row.status is not Status.RUNNING or row.wish == before:
        world.ask(rotate_internal_authority, WISH, who="grace")
    assert_rotated(world)
