"""Connections per address and the endpoint network: told live, written down, cut off anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.access.set_connection_limits import set_connection_limits
from flows.access.set_endpoints import set_endpoints
from flows.domain import paths
from flows.domain.access import Access
from flows.domain.errors import EffectFailed
from flows.domain.instance import Status
from flows.instances.roll_back import roll_back
from flows.queries.drift import drift
from tests.flows.worlds import DEMO, created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

LIMIT = "max.connections.per.ip"
NETWORK = "198.19.0.0/18"
FIRST = ("198.19.200.1", "198.19.200.2", "198.19.200.3")


def limits(**more: Any) -> Mapping[str, Any]:
    return {"instance": "demo", **more}


def told(world: World) -> list[str | None]:
    """What each running broker was told of one address."""
    altered = world.kafka.clusters[the_row(world).id].altered
    return [altered.get(broker, {}).get(LIMIT) for broker in (1, 2, 3)]


def everywhere(world: World, path: str, words: str) -> bool:
    return all(words in host.contents[path] for host in world.provider.hosts.values())


def no_restart(world: World) -> bool:
    return all(host.kafka_starts == 1 for host in world.provider.hosts.values())


def test_brokers_are_told_another_limit_and_start_with_it() -> None:
    world = created(DEMO)
    assert world.ask(set_connection_limits, limits(per_address=200)).changed
    assert told(world) == ["200"] * 3
    assert everywhere(world, paths.SERVER_PROPERTIES, f"{LIMIT}=200\n")
    assert no_restart(world)
    assert the_row(world).status is Status.RUNNING
    assert not world.ask(set_connection_limits, limits(per_address=200)).changed


def test_a_version_that_learns_it_at_a_start_is_told_nothing() -> None:
    world = created({"name": "demo", "version": "1.1.0"})
    assert world.ask(set_connection_limits, limits(per_address=200)).changed
    assert told(world) == [None] * 3
    assert everywhere(world, paths.SERVER_PROPERTIES, f"{LIMIT}=200\n")
    assert not world.ask(set_connection_limits, limits(per_address=200)).changed


def test_another_endpoint_network_is_let_in_on_every_host() -> None:
    world = created(DEMO)
    with_endpoints(world)
    assert everywhere(world, paths.FIREWALL, "198.19.128.0/17")
    world.ask(set_connection_limits, limits(endpoint_network=NETWORK))
    assert everywhere(world, paths.FIREWALL, NETWORK)
    assert not everywhere(world, paths.FIREWALL, "198.19.128.0/17")
    assert not world.ask(set_connection_limits, limits(endpoint_network=NETWORK)).changed


def test_a_firewall_that_somebody_edited_is_loaded_anew() -> None:
    world = created(DEMO)
    host = next(iter(world.provider.hosts.values()))
    host.files[paths.FIREWALL] = "0" * 64
    assert world.ask(set_connection_limits, limits(per_address=1000)).changed
    assert not world.ask(set_connection_limits, limits(per_address=1000)).changed


def test_a_broker_that_was_told_another_limit_is_told_the_wished_one() -> None:
    world = created(DEMO)
    world.kafka.clusters[the_row(world).id].altered[2] = {LIMIT: "7"}
    assert world.ask(set_connection_limits, limits(per_address=1000)).changed
    assert told(world) == ["1000"] * 3
    assert not world.ask(set_connection_limits, limits(per_address=1000)).changed


def told_to_some() -> World:
    """The last broker was not told that the limit of 300 is 200 now."""
    world = created(DEMO)
    world.ask(set_connection_limits, limits(per_address=300))
    log = list(world.effects.log)
    last = max(at for at, name in enumerate(log) if name == "FakeKafka.alter_broker")
    world.effects.log.clear()
    world.effects.trouble_at, world.effects.trouble = last, Trouble.FAILS
    with pytest.raises(EffectFailed):
        world.ask(set_connection_limits, limits(per_address=200))
    world.effects.heal()
    assert told(world) == ["200", "200", "300"]
    return world


def test_a_limit_that_was_told_to_some_is_finished() -> None:
    world = told_to_some()
    world.ask(set_connection_limits, limits(per_address=200))
    assert told(world) == ["200"] * 3


def test_a_limit_that_was_told_to_some_is_rolled_back() -> None:
    world = told_to_some()
    world.ask(roll_back, limits())
    assert told(world) == ["300"] * 3
    assert the_row(world).wish.access.per_address == 300
    assert not drift(world.doors(), "demo")


def with_endpoints(world: World) -> None:
    private = [host.machine.address for host in world.provider.hosts.values()]
    world.provider.endpoints_of_test.update(zip(FIRST, private, strict=True))
    world.ask(set_endpoints, {"instance": "demo", "addresses": ",".join(FIRST)})
    world.effects.log.clear()


BOTH = limits(per_address=200, endpoint_network=NETWORK)


def _effects() -> int:
    world = created(DEMO)
    with_endpoints(world)
    world.ask(set_connection_limits, BOTH)
    return len(world.effects.log)


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("at", range(_effects()))
def test_limits_that_were_cut_off_are_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = created(DEMO)
    with_endpoints(world)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with suppress(EffectFailed, Killed):
        world.ask(set_connection_limits, BOTH)
    world.effects.heal()

    world.ask(set_connection_limits, BOTH, who="grace")
    assert told(world) == ["200"] * 3
    assert everywhere(world, paths.FIREWALL, NETWORK)
    assert everywhere(world, paths.SERVER_PROPERTIES, f"{LIMIT}=200\n")
    assert the_row(world).status is Status.RUNNING
    assert no_restart(world)
    assert not world.ask(set_connection_limits, BOTH).changed


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (limits(), "request: it asks for nothing; give per_address, endpoint_network, or both"),
        (limits(per_address=9), "per_address 9: 10 to 20,000 connections are accepted"),
        (limits(per_address=20_001), "per_address 20001: 10 to 20,000 connections are accepted"),
        (
            limits(endpoint_network="198.19.1.0/17"),
            'endpoint_network "198.19.1.0/17": an IPv4 network is accepted, such as '
            "198.19.128.0/17, without bits of a host",
        ),
        (
            limits(endpoint_network="0.0.0.0/0"),
            'endpoint_network "0.0.0.0/0": wider than /8; only with DNAT 9011 is open to anyone',
        ),
        (limits(endpoint_network="::/64"), 'endpoint_network "::/64": an IPv4 network is'),
    ],
)
def test_each_refusal_has_its_sentence(wish: Mapping[str, Any], sentence: str) -> None:
    world = created(DEMO)
    assert refused(world, set_connection_limits, wish).startswith(sentence)
    assert the_row(world).wish.access == Access()


def test_only_a_running_instance_gets_other_limits() -> None:
    world = created(DEMO)
    world.records.set_status(the_row(world).id, Status.FAULTY, "broker 2 does not answer")
    said = refused(world, set_connection_limits, limits(per_address=200))
    assert said == 'instance "demo (Faulty)": accepted is Running'
