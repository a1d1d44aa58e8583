"""More names in a certificate, on releases that take them in the file in use only."""

from __future__ import annotations

import pytest

from certs.facts import describe
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.certificates.replace_certificates import replace_certificates
from flows.domain.errors import EffectFailed
from flows.domain.instance import UnitState
from flows.domain.versions import VersionName
from tests.flows.test_rewire import EIPS, FIRST, OTHERS, SECOND, endpoints, public, with_ways
from tests.flows.test_uploads import UPLOAD, addresses, laid
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


OLD = [VersionName.V1_1, VersionName.V2_3]


@pytest.mark.parametrize("version", OLD)
def test_a_store_with_other_names_is_put_back_in_the_file_in_use(version: VersionName) -> None:
    """A user's next certificate lacks a name and has another one: not only added."""
    world = created({**DEMO, "version": version})
    laid(world, named=(*addresses(world), "10.9.9.8"))
    world.ask(replace_certificates, {**UPLOAD, "overlap": 0})
    laid(world, named=(*addresses(world), "10.9.9.9"))
    hosts = list(world.provider.hosts.values())
    before = [world.tls.chain(host, "private") for host in hosts]
    world.tls.wrong[hosts[1].machine.address] = before[1]
    with pytest.raises(EffectFailed, match=r"broker 2 PRIVATE: it serves .*; it was told its old"):
        world.ask(replace_certificates, {**UPLOAD, "overlap": 0})
    after = [world.tls.chain(host, "private") for host in hosts]
    assert [was == now for was, now in zip(before, after, strict=True)] == [False, True, True]
    world.tls.wrong.clear()
    world.ask(replace_certificates, {**UPLOAD, "overlap": 0})
    for host in hosts:
        found = describe(world.tls.chain(host, "private")[0]).ip_addresses
        assert "10.9.9.9" in found
        assert "10.9.9.8" not in found


@pytest.mark.parametrize("version", OLD)
def test_names_of_a_process_that_came_back_by_itself_are_only_added_to(
    version: VersionName,
) -> None:
    """It has what it was told, so its names stay, and nothing is put back in the file in use."""
    world = with_ways(created({**DEMO, "version": version}))
    world.ask(set_public_access, public(*EIPS))
    world.ask(set_public_access, public(*OTHERS, keep_old=0))
    hosts = list(world.provider.hosts.values())
    for host in hosts:
        host.kafka, host.kafka_starts = UnitState.INACTIVE, host.kafka_starts + 10
        world.provider.boot(host.machine.name)
    world.tls.wrong[hosts[1].machine.address] = world.tls.chain(hosts[1], "public")
    with pytest.raises(EffectFailed, match=r"broker 2 PUBLIC: it serves .*; nothing was put back"):
        world.ask(set_public_access, public(*THIRD))
    world.tls.wrong.clear()
    world.ask(set_public_access, public(*THIRD))
    for host, *names in zip(hosts, EIPS, OTHERS, THIRD, strict=True):
        assert {*names} <= {*describe(world.tls.chain(host, "public")[0]).ip_addresses}
