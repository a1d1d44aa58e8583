"""Mutual TLS: on and off without a restart, confirmed, cut off at every effect, refused by text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from certs.leaf import Leaf
from flows.access.set_public_access import set_public_access
from flows.adapters.secrets.client_certificates import waiting_leaf
from flows.certificates.finish_certificate_overlap import finish_certificate_overlap
from flows.certificates.issue_client_certificate import issue_client_certificate
from flows.certificates.replace_certificates import replace_certificates
from flows.certificates.revoke_client_certificate import revoke_client_certificate
from flows.certificates.set_mutual_tls import set_mutual_tls
from flows.domain import paths
from flows.domain.errors import EffectFailed, GateTimeout, Refused
from flows.domain.instance import Status, UnitState
from flows.domain.seen_clients import SeenClient
from flows.instances.restart_instance import restart_instance
from flows.instances.roll_back import roll_back
from flows.users.create_user import create_user
from tests.flows.worlds import DEMO, created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.listeners import properties_of, protocols
from tests.world.world import World

ON: Mapping[str, Any] = {"instance": "demo", "mutual_tls": "on", "confirm": "demo"}
OFF: Mapping[str, Any] = {"instance": "demo", "mutual_tls": "off", "confirm": "demo"}


@scene
def with_robert() -> World:
    """A secured world; a certificate of robert waits to be handed out."""
    world = created(DEMO)
    world.ask(issue_client_certificate, {"instance": "demo", "user": "robert"})
    world.effects.log.clear()
    return world


@scene
def switched_on() -> World:
    world = with_robert()
    world.ask(set_mutual_tls, ON)
    world.effects.log.clear()
    return world


def seen(world: World, *clients: SeenClient) -> World:
    """These asked the first broker lately."""
    next(iter(world.provider.hosts.values())).clients = clients
    return world


def leaf_of(world: World) -> Leaf:
    """Robert's certificate."""
    row = the_row(world)
    found = waiting_leaf(world.secrets, row.id, row.wish.client_certificates[0])
    assert found is not None
    return found


def let_in(world: World, leaf: Leaf | None) -> set[bool]:
    """What all brokers say to a client with this certificate, on PRIVATE."""
    hosts = world.provider.hosts.values()
    return {world.tls.accepts(host.machine.address, 9093, leaf) for host in hosts}


def client_protocols(world: World) -> set[str]:
    """How clients come in: as brokers have it now, and as their files say for the next start."""
    cluster = world.kafka.clusters[the_row(world).id]
    found = set()
    for host in world.provider.hosts.values():
        told = cluster.altered.get(host.machine.broker, {})
        written = properties_of(host.contents[paths.SERVER_PROPERTIES])
        named = dict(
            each.split(":") for each in written["listener.security.protocol.map"].split(",")
        )
        for name in ("PRIVATE", "CROSS"):
            found |= {protocols(host, told)[name], named[name]}
    return found


def test_clients_come_in_by_a_certificate_and_no_broker_restarts() -> None:
    world = with_robert()
    assert world.ask(set_mutual_tls, ON).changed
    assert client_protocols(world) == {"SSL"}
    assert let_in(world, leaf_of(world)) == {True}
    assert let_in(world, None) == {False}
    assert the_row(world).wish.mutual_tls
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    assert not world.ask(set_mutual_tls, ON).changed


def test_off_goes_back_to_passwords() -> None:
    world = switched_on()
    assert world.ask(set_mutual_tls, OFF).changed
    assert client_protocols(world) == {"SASL_SSL"}
    assert not the_row(world).wish.mutual_tls
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    assert not world.ask(set_mutual_tls, OFF).changed


def test_the_probe_has_a_certificate_before_the_first_broker_wants_one() -> None:
    world = with_robert()
    world.ask(set_mutual_tls, ON)
    log = world.effects.log
    assert log.index("FakeSecrets.put") < log.index("FakeKafka.alter_broker")
    assert "probe-certificate-1" in {name for _, name in world.secrets.kept}


def test_a_broker_that_restarts_still_wants_a_certificate() -> None:
    world = switched_on()
    world.ask(restart_instance, {"instance": "demo"})
    assert client_protocols(world) == {"SSL"}
    assert let_in(world, leaf_of(world)) == {True}


def test_a_revoked_certificate_is_let_in_by_nobody() -> None:
    world = switched_on()
    leaf = leaf_of(world)
    world.ask(revoke_client_certificate, {"instance": "demo", "user": "robert"})
    assert let_in(world, leaf) == {False}


def test_certificates_of_either_authority_are_let_in_until_the_old_one_is_dropped() -> None:
    world = switched_on()
    of_old = leaf_of(world)
    world.ask(replace_certificates, {"instance": "demo", "scope": "authority"})
    world.ask(issue_client_certificate, {"instance": "demo", "user": "carla"})
    row = the_row(world)
    of_new = waiting_leaf(world.secrets, row.id, row.wish.client_certificates[1])
    assert let_in(world, of_old) == let_in(world, of_new) == {True}
    dropping = {"instance": "demo", "before_its_date": True}
    world.ask(finish_certificate_overlap, {**dropping, "plan_only": True})
    assert "show a certificate of the old authority are refused too" in world.stage.pages["plan"]
    world.ask(finish_certificate_overlap, dropping)
    assert (let_in(world, of_old), let_in(world, of_new)) == ({False}, {True})


def test_the_drop_in_the_same_run_names_certificates_of_the_old_authority_too() -> None:
    told = "show a certificate of the old authority are refused too"
    at_once = {"instance": "demo", "scope": "authority", "overlap": 0, "plan_only": True}
    world = switched_on()
    world.ask(replace_certificates, at_once)
    assert told in world.stage.pages["plan"]
    world = with_robert()
    world.ask(replace_certificates, at_once)
    assert told not in world.stage.pages["plan"]


def test_users_can_be_made_though_nobody_logs_in() -> None:
    world = switched_on()
    assert world.ask(create_user, {"instance": "demo", "user": "carol"}).changed


def test_the_broker_that_does_not_do_it_gets_back_what_it_had() -> None:
    world = with_robert()
    world.tls.refusing = {world.provider.hosts[f"{the_row(world).id}-2-1"].machine.address}
    with pytest.raises(GateTimeout, match="broker 2 PRIVATE refuses a certificate of the"):
        world.ask(set_mutual_tls, ON)
    assert the_row(world).status is Status.CHANGE_FAILED
    cluster = world.kafka.clusters[the_row(world).id]
    now = [
        protocols(host, cluster.altered.get(host.machine.broker, {}))["PRIVATE"]
        for host in world.provider.hosts.values()
    ]
    assert now == ["SSL", "SASL_SSL", "SASL_SSL"]

    world.tls.refusing.clear()
    world.ask(set_mutual_tls, ON)
    assert client_protocols(world) == {"SSL"}


EIPS = ("203.0.113.1", "203.0.113.2", "203.0.113.3")


@scene
def reached() -> World:
    """Clients outside come by EIPs."""
    world = with_robert()
    world.ask(set_public_access, {"instance": "demo", "eips": ",".join(EIPS)})
    world.effects.log.clear()
    return world


def test_every_way_of_clients_wants_a_certificate_and_then_none() -> None:
    world = reached()
    second = world.provider.hosts[f"{the_row(world).id}-2-1"].machine.address
    world.tls.careless = {f"{second}:9095"}
    with pytest.raises(GateTimeout, match="broker 2 PUBLIC lets clients without a certificate in"):
        world.ask(set_mutual_tls, ON)
    world.tls.careless.clear()
    world.ask(set_mutual_tls, ON)
    hosts = world.provider.hosts.values()
    assert {world.tls.accepts(host.machine.address, 9095, None) for host in hosts} == {False}

    world.tls.refusing = {f"{second}:9095"}
    with pytest.raises(GateTimeout, match="broker 2 PUBLIC refuses clients without a certificate"):
        world.ask(set_mutual_tls, OFF)
    world.tls.refusing.clear()
    world.ask(set_mutual_tls, OFF)
    assert {world.tls.accepts(host.machine.address, 9095, None) for host in hosts} == {True}


@scene
def half_on() -> World:
    """Switching it on failed at broker 2, and was given up."""
    world = with_robert()
    world.tls.refusing = {world.provider.hosts[f"{the_row(world).id}-2-1"].machine.address}
    with pytest.raises(GateTimeout):
        world.ask(set_mutual_tls, ON)
    world.tls.refusing.clear()
    world.effects.log.clear()
    return world


def test_what_failed_is_rolled_back_without_a_restart() -> None:
    world = half_on()
    world.ask(roll_back, {"instance": "demo"})
    row = the_row(world)
    assert (row.status, row.wish.mutual_tls) == (Status.RUNNING, False)
    assert client_protocols(world) == {"SASL_SSL"}
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())


def effects_of_going_back() -> int:
    world = half_on()
    world.ask(roll_back, {"instance": "demo"})
    return len(world.effects.log)


@pytest.mark.parametrize("trouble", [Trouble.REPORT_LOST, Trouble.KILLED_BEFORE])
@pytest.mark.parametrize("at", range(effects_of_going_back()))
def test_going_back_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = half_on()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(roll_back, {"instance": "demo"})
    world.effects.heal()
    if the_row(world).status is not Status.RUNNING:
        world.ask(roll_back, {"instance": "demo"}, who="grace")
    assert the_row(world).status is Status.RUNNING
    assert client_protocols(world) == {"SASL_SSL"}


# Confirmed by naming who is connected

ALICE = SeenClient("alice", "198.18.0.77", 3)
ROBERT = SeenClient("robert", "198.18.0.78", 400)
PROBE = SeenClient("__fleet_probe", "198.18.0.2", 1)


def test_whoever_is_connected_is_named_in_plan_and_report() -> None:
    world = seen(with_robert(), ALICE, ROBERT, PROBE)
    world.ask(set_mutual_tls, {**ON, "confirm": "", "plan_only": True})
    page = world.stage.pages["plan"]
    assert "| user alice | end its connections, from 198.18.0.77 |" in page
    assert "| user robert | end its connections, from 198.18.0.78 |" in page
    assert "__fleet_probe" not in page
    assert "connected now, and without a certificate that was issued: alice" in page

    world.ask(set_mutual_tls, {**ON, "confirm": " robert, alice"})
    report = world.stage.pages["report"]
    assert "| alice | 198.18.0.77 |" in report
    assert "| robert | 198.18.0.78 |" in report


def test_an_approved_plan_needs_no_other_confirmation() -> None:
    world = seen(with_robert(), ALICE)
    shown = world.ask(set_mutual_tls, {**ON, "confirm": "", "plan_only": True})
    approved = {**ON, "confirm": "", "approved_plan": shown.result["plan"]}
    seen(world, ALICE, ROBERT)
    with pytest.raises(Refused, match="the plan is"):
        world.ask(set_mutual_tls, approved)
    seen(world, ALICE)
    assert world.ask(set_mutual_tls, approved).changed


# Cut off at every effect

CASES: dict[str, tuple[Callable[[], World], Mapping[str, Any], str]] = {
    "on": (with_robert, ON, "SSL"),
    "off": (switched_on, OFF, "SASL_SSL"),
}


def effects_of(name: str) -> int:
    before, wish, _ = CASES[name]
    world = before()
    world.ask(set_mutual_tls, wish)
    return len(world.effects.log)


POINTS = [(name, at) for name in CASES for at in range(effects_of(name))]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize(("name", "at"), POINTS)
def test_what_was_cut_off_is_finished_by_the_same_wish(
    name: str, at: int, trouble: Trouble
) -> None:
    before, wish, protocol = CASES[name]
    world = before()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(set_mutual_tls, wish)
    world.effects.heal()
    world.ask(set_mutual_tls, wish, who="grace")
    assert the_row(world).status is Status.RUNNING
    assert client_protocols(world) == {protocol}
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    assert not world.ask(set_mutual_tls, wish).changed


# Refused


@scene
def broken() -> World:
    """Broker 2 is down, and nobody has noticed."""
    world = with_robert()
    for host in world.provider.hosts.values():
        if host.machine.broker == 2:
            host.kafka = UnitState.INACTIVE
    return world


REFUSALS: dict[str, tuple[Callable[[], World], Mapping[str, Any], str]] = {
    "open": (
        created, ON,
        'instance "demo": mutual TLS needs SASL_SSL, which is off; that is fixed',
    ),
    "neither on nor off": (
        with_robert, {**ON, "mutual_tls": "maybe"},
        'mutual_tls "maybe": accepted are on, off',
    ),
    "nobody confirmed": (
        with_robert, {**ON, "confirm": ""},
        'confirm "": nobody asked for something in the last 10 minutes, and every client has to '
        'change at once; accepted is "demo", or the hash of a plan that you looked at '
        "(approved_plan)",
    ),
    "others confirmed": (
        lambda: seen(with_robert(), ALICE, ROBERT), {**ON, "confirm": "alice"},
        'confirm "alice": alice and robert asked for something in the last 10 minutes, and every '
        'client has to change at once; accepted is "alice,robert", or the hash of a plan that you '
        "looked at (approved_plan)",
    ),
    "broker down": (
        broken, ON,
        'instance "demo": broker 2 is down; listeners are changed on every broker at once or not '
        "at all, so all of them must run",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_is_refused_by_text_and_changes_nothing(name: str) -> None:
    before, wish, sentence = REFUSALS[name]
    world = before()
    world.effects.log.clear()
    assert refused(world, set_mutual_tls, wish) == sentence
    assert world.effects.log == ["FakeRecords.trace", "FakeRecords.note"]
