"""What a rewire and a replacement of certificates touch: every effect and question is counted.

Each effect here is a round trip that clients, or the goal of 5 s, wait for. Whoever adds one finds
it here.
"""

from __future__ import annotations

from collections import Counter

import pytest

from certs.facts import describe
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.certificates.replace_certificates import replace_certificates
from flows.domain.cluster import ClusterState
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, Status
from flows.domain.vantage import Network
from flows.domain.versions import VersionName
from tests.flows.test_rewire import FIRST, SECOND, at, endpoints, told, with_ways
from tests.flows.worlds import DEMO, created, the_row
from tests.world.world import World

EIPS = ("203.0.113.1", "203.0.113.2", "203.0.113.3")


def by_endpoints() -> World:
    """Clients come by endpoints; nothing was counted yet."""
    world = with_ways(created(DEMO))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.effects.log.clear()
    world.vantages.asked.clear()
    return world


def on_hosts_and_brokers(world: World) -> Counter[str]:
    """How often each of them was changed; records and secrets are ours."""
    ours = ("FakeRecords", "FakeSecrets")
    return Counter(each for each in world.effects.log if not each.startswith(ours))


def test_other_endpoints_need_no_play_and_three_questions() -> None:
    world = by_endpoints()
    world.ask(set_endpoints, endpoints(*SECOND))
    assert on_hosts_and_brokers(world) == {
        "FakeHosts.deliver": 3 + 3,  # before anybody is told; once it is proved
        "FakeKafka.alter_broker": 3 + 3,  # stores; addresses
    }
    # What clients are served at the old addresses; who answers at the new ones, before and after.
    assert world.vantages.asked == [(Network.ENDPOINT, 3)] * 3


def test_dnat_changes_the_gateway_once_more() -> None:
    world = by_endpoints()
    world.ask(set_dnat, {"instance": "demo", "eips": ",".join(EIPS)})
    found = on_hosts_and_brokers(world)
    assert found.pop("FakeGateways.translate") == 1
    assert found.pop("FakeProvider._assign") == 3
    assert found.pop("FakeProvider._set_group") == 1  # the way of the EIPs is let through
    assert found == {"FakeHosts.deliver": 6, "FakeKafka.alter_broker": 6}


def test_certificates_need_no_play_and_one_question_for_each_broker() -> None:
    world = by_endpoints()
    world.ask(replace_certificates, {"instance": "demo"})
    assert on_hosts_and_brokers(world) == {
        "FakeHosts.deliver": 3 + 3,
        "FakeKafka.alter_broker": 3,
    }
    assert world.vantages.asked == [(Network.ENDPOINT, 1)] * 3


def altered(world: World) -> list[dict[str, str]]:
    """What each broker was told so far."""
    cluster = world.zookeeper.clusters[the_row(world).id]
    return [dict(cluster.altered.get(broker, {})) for broker in (1, 2, 3)]


def with_one_that_serves_something_else(version: VersionName) -> World:
    """Broker 2 is told other certificates, and clients of its 9011 see none of them."""
    world = with_ways(created({**DEMO, "version": version}))
    world.ask(set_endpoints, endpoints(*FIRST))
    second = [host for host in world.provider.hosts.values() if host.machine.broker == 2]
    world.tls.wrong[second[0].machine.address] = world.tls.chain(second[0], "private")
    return world


@pytest.mark.parametrize("version", list(VersionName))
def test_one_that_serves_something_else_ends_it_before_anybody_is_told(
    version: VersionName,
) -> None:
    """Names that were only added are not taken back, which brokers would refuse, and it is said."""
    world = with_one_that_serves_something_else(version)
    (serial,) = {f"{describe(chain[0]).serial:x}" for chain in world.tls.wrong.values()}
    with pytest.raises(EffectFailed) as failed:
        world.ask(set_endpoints, endpoints(*SECOND))
    assert str(failed.value) == (
        "waited 20 s until brokers 1, 2, 3 serve their certificates, in vain: broker 2 CROSS: it "
        f"serves the certificate {serial}, which is another one; nothing was put back, since the "
        "new certificates have all names of the old ones"
    )
    assert told(world) == at(9011, FIRST), "nobody was told the new addresses"
    assert the_row(world).status is Status.CHANGE_FAILED
    assert served_to_clients(world) == {1: {*FIRST[:1], *SECOND[:1]}, 3: {FIRST[2], SECOND[2]}}
    world.tls.wrong.clear()
    world.ask(set_endpoints, endpoints(*SECOND))
    assert told(world) == at(9011, SECOND)
    assert not world.ask(set_endpoints, endpoints(*SECOND)).changed


def served_to_clients(world: World) -> dict[int, set[str]]:
    """Broker -> addresses in the certificate of its 9011, if it has one for where clients come."""
    ways = {*FIRST, *SECOND}
    found = {
        host.machine.broker: describe(world.tls.served(host.machine.address, 9011).pems[0])
        for host in world.provider.hosts.values()
    }
    names = {number: {*each.ip_addresses, *each.dns_names} for number, each in found.items()}
    return {number: each & ways for number, each in names.items() if each & ways}


def test_what_clients_are_served_at_the_old_addresses_is_looked_at_too() -> None:
    world = by_endpoints()
    host = next(iter(world.provider.hosts.values()))
    world.vantages.in_between[FIRST[2]] = world.tls.chain(host, "private")
    with pytest.raises(EffectFailed, match=rf"broker 3 CROSS, seen from endpoint at {FIRST[2]}"):
        world.ask(set_endpoints, endpoints(*SECOND))
    assert told(world) == at(9011, FIRST)


def test_certificates_of_another_authority_are_served_broker_by_broker() -> None:
    """One that does not only add names may be one that clients do not take."""
    world = by_endpoints()
    second = [host for host in world.provider.hosts.values() if host.machine.broker == 2]
    world.tls.wrong[second[0].machine.address] = world.tls.chain(second[0], "cross")
    first = altered(world)
    with pytest.raises(EffectFailed, match="until broker 2 serves its certificates, in vain"):
        world.ask(replace_certificates, {"instance": "demo", "scope": "authority"})
    assert [was == now for was, now in zip(first, altered(world), strict=True)][2], "not touched"


@pytest.mark.parametrize("version", list(VersionName))
def test_all_partitions_are_read_for_the_two_plans_only(
    version: VersionName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They cost half a millisecond each, and what brokers were told is beside them."""
    world = with_ways(created({**DEMO, "version": version}))
    world.ask(set_endpoints, endpoints(*FIRST))
    looks, state = [], world.zookeeper.state

    def noted(instance: Instance) -> ClusterState:
        looks.append(instance.id)
        return state(instance)

    monkeypatch.setattr(world.zookeeper, "state", noted)
    world.ask(set_endpoints, endpoints(*SECOND))
    assert len(looks) == 2
