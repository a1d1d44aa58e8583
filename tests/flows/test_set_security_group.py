"""Who may reach the ports of clients: enforced by every host, cut off anywhere, refused by text."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.access.set_public_access import set_public_access
from flows.access.set_security_group import set_security_group
from flows.domain.access import Access
from flows.domain.errors import EffectFailed
from flows.domain.instance import Status
from flows.domain.loaded_firewall import networks
from flows.domain.security_groups import GroupRule, lets_through
from flows.instances.add_brokers import add_brokers
from flows.queries.access import access
from flows.queries.drift import drift
from tests.flows.worlds import DEMO, created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.firewalls import filtered
from tests.world.world import World

OFFICE, LAB = "192.0.2.0/24", "198.18.0.0/24"


def sources(**more: Any) -> Mapping[str, Any]:
    return {"instance": "demo", **more}


BOTH = sources(private=f"{LAB},{OFFICE}", public=OFFICE)


def let_in(world: World, port: int) -> list[Any]:
    """Whom each host lets in at a port; None for anyone."""
    kernels = [filtered(host.firewall) for host in world.provider.hosts.values()]
    return [kernel.allowed.get(port) if kernel else None for kernel in kernels]


def product(world: World) -> str:
    return world.provider.control_address()


def test_every_host_lets_in_exactly_the_sources_and_the_product() -> None:
    world = created(DEMO)
    assert world.ask(set_security_group, sources(private=OFFICE)).changed
    assert let_in(world, 9093) == [networks([OFFICE, product(world)])] * 3
    assert the_row(world).status is Status.RUNNING
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    assert not world.ask(set_security_group, sources(private=OFFICE)).changed
    (line, *_) = access(world.doors(), "demo")["lines"]
    assert line["open_to"][0] == OFFICE
    assert world.ask(set_security_group, sources(private="default")).changed
    assert the_row(world).wish.access == Access()
    assert not drift(world.doors(), "demo")


def test_the_public_port_is_open_to_these_only() -> None:
    world = created(DEMO)
    eips = "203.0.113.1,203.0.113.2,203.0.113.3"
    world.ask(set_public_access, {"instance": "demo", "eips": eips})
    assert let_in(world, 9095) == [None] * 3
    world.ask(set_security_group, sources(public=OFFICE))
    assert let_in(world, 9095) == [networks([OFFICE, product(world)])] * 3


def test_a_new_broker_lets_in_the_same() -> None:
    world = created(DEMO)
    world.ask(set_security_group, sources(private=OFFICE))
    world.ask(add_brokers, {"instance": "demo", "brokers": 4})
    assert let_in(world, 9093) == [networks([OFFICE, product(world)])] * 4


def _effects() -> int:
    world = created(DEMO)
    world.ask(set_security_group, BOTH)
    return len(world.effects.log)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(_effects()))
def test_what_was_cut_off_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = created(DEMO)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with suppress(EffectFailed, Killed):
        world.ask(set_security_group, BOTH)
    world.effects.heal()

    world.ask(set_security_group, BOTH, who="grace")
    assert let_in(world, 9093) == [networks([LAB, OFFICE, product(world)])] * 3
    assert the_row(world).status is Status.RUNNING
    assert not drift(world.doors(), "demo")
    assert not world.ask(set_security_group, BOTH).changed


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (sources(), "request: it asks for nothing; give private, public, or both"),
        (sources(private="here"), 'private "here": IPv4 addresses and networks such as'),
        (sources(public="192.0.2.1/24"), 'public "192.0.2.1/24": IPv4 addresses and networks'),
        (sources(public="::/0"), 'public "::/0": IPv4 addresses and networks such as'),
        (sources(private=f"{LAB},{LAB}"), f'private "{LAB}": it is named twice; each source'),
        (
            sources(private=",".join(f"192.0.2.{each}" for each in range(51))),
            "private 51 sources: at most 50 are accepted",
        ),
    ],
)
def test_each_refusal_has_its_sentence(wish: Mapping[str, Any], sentence: str) -> None:
    world = created(DEMO)
    assert refused(world, set_security_group, wish).startswith(sentence)
    assert the_row(world).wish.access == Access()


def test_a_source_that_the_provider_keeps_away_is_refused() -> None:
    world = created(DEMO)
    world.provider.groups["theirs"] = (GroupRule("198.18.0.0/15", ((9000, 9999),)),)
    world.provider.members[world.records.machines(the_row(world).id)[1].name] = "theirs"
    assert refused(world, set_security_group, BOTH) == (
        f'private "{OFFICE}": the provider\'s security group theirs does not let it through to '
        "9093; open it there first"
    )
    assert world.ask(set_security_group, sources(private=LAB)).changed


def test_a_group_lets_through_what_its_rules_hold_together() -> None:
    rules = [GroupRule("10.0.0.0/25", ((9000, 9999),)), GroupRule("10.0.0.128/25", ((9093, 9093),))]
    assert lets_through(rules, "10.0.0.0/24", 9093)
    assert not lets_through(rules, "10.0.0.0/24", 9092)
    assert not lets_through(rules, "10.0.1.7", 9093)
