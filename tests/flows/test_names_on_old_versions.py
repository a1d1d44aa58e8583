"""More names in a certificate, on releases that take them in the file in use only."""

from __future__ import annotations

import pytest

from certs.facts import describe
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.domain.errors import EffectFailed
from flows.domain.instance import UnitState
from flows.domain.versions import VersionName
from tests.flows.test_rewire import EIPS, FIRST, OTHERS, SECOND, endpoints, public, with_ways
from tests.flows.worlds import DEMO, created

THIRD = ("203.0.113.21", "203.0.113.22", "203.0.113.23")


@pytest.mark.parametrize("version", list(VersionName))
def test_names_are_added_while_brokers_run(version: VersionName) -> None:
    world = with_ways(created({**DEMO, "version": version}))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_endpoints, endpoints(*SECOND))
    for host, name in zip(world.provider.hosts.values(), SECOND, strict=True):
        facts = describe(world.tls.chain(host, "cross")[0])
        assert name in facts.dns_names
        assert host.kafka_starts == 1


@pytest.mark.parametrize("version", [VersionName.V1_1, VersionName.V2_3])
def test_a_store_with_other_names_is_put_back_in_the_file_in_use(version: VersionName) -> None:
    """Names that a process before has served are dropped with the next change: not only added."""
    world = with_ways(created({**DEMO, "version": version}))
    world.ask(set_public_access, public(*EIPS))
    world.ask(set_public_access, public(*OTHERS, keep_old=0))
    hosts = list(world.provider.hosts.values())
    for host in hosts:
        host.kafka, host.kafka_starts = UnitState.INACTIVE, host.kafka_starts + 10
        world.provider.boot(host.machine.name)
    before = [world.tls.chain(host, "public") for host in hosts]
    world.tls.wrong[hosts[1].machine.address] = before[1]
    with pytest.raises(EffectFailed, match=r"broker 2 PUBLIC: it serves .*; it was told its old"):
        world.ask(set_public_access, public(*THIRD))
    after = [world.tls.chain(host, "public") for host in hosts]
    assert [was == now for was, now in zip(before, after, strict=True)] == [False, True, True]
    world.tls.wrong.clear()
    world.ask(set_public_access, public(*THIRD))
    for host, eip in zip(hosts, THIRD, strict=True):
        assert eip in describe(world.tls.chain(host, "public")[0]).ip_addresses
