"""Looking at the ways of clients: hosts, gateways, EIPs, and whoever can ask as a client."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from flows.adapters.site import (
    Boots,
    Doors,
    Gateways,
    Hosts,
    InstanceRow,
    Provider,
    Site,
    Vantages,
    ZooKeeper,
)
from flows.domain.access_seen import AccessSeen, HostWays
from flows.domain.cluster import ClusterState
from flows.domain.dnat import GatewayState
from flows.domain.drift import client_networks
from flows.domain.errors import EffectFailed
from flows.domain.firewall import table_name
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName
from flows.domain.security_groups import SeenGroups
from flows.domain.translating import gateways_of, translation_of
from flows.domain.vantage import Network, address_of, complaints

AT_ONCE = 8


@dataclass(frozen=True)
class Eyes:
    """The doors through which ways are looked at."""

    hosts: Hosts
    boots: Boots
    zookeeper: ZooKeeper
    provider: Provider
    gateways: Gateways
    vantages: Vantages


def eyes_of(doors: Doors, row: InstanceRow) -> Eyes:
    """The doors to one instance, held by nobody."""
    name = row.wish.provider
    return Eyes(
        doors.hosts(row.id),
        doors.boots(row.id),
        doors.zookeeper,
        doors.provider(name),
        doors.gateways(name),
        doors.vantages(name),
    )


def eyes_at(site: Site) -> Eyes:
    """The doors of an operation."""
    return Eyes(site.hosts, site.boots, site.zookeeper, site.provider, site.gateways, site.vantages)


def with_ways(eyes: Eyes, instance: Instance) -> Instance:
    """The instance with what was seen of clients' ways now; nothing is changed."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda broker: _host(eyes, instance, broker), instance.brokers))
    seen = AccessSeen(
        hosts={broker.id: each for broker, each in zip(instance.brokers, found, strict=True)},
        gateways={name: _gateway(eyes, instance, name) for name in gateways_of(instance.wish)},
        eips=eyes.provider.eips() if eyes.provider.routes_eips else None,
        complaints=tuple(_complaints(eyes, instance)),
        groups=_groups(eyes.provider, instance) if eyes.provider.has_groups else None,
    )
    return replace(instance, cluster=_state(eyes, instance), access_seen=seen)


def _host(eyes: Eyes, instance: Instance, broker: Broker) -> HostWays | str:
    if broker.machine is None:
        return "there is no machine"
    try:
        now = eyes.hosts.ways(broker.machine, table_name(instance))
        return replace(now, at_boot=eyes.boots.look(broker.machine))
    except EffectFailed as silence:
        return str(silence)


def _groups(provider: Provider, instance: Instance) -> SeenGroups:
    placed = {each.id: each.machine.name for each in instance.brokers if each.machine}
    members = {
        broker: provider.group_of(name) for broker, name in placed.items() if provider.exists(name)
    }
    return SeenGroups(provider.defaults()["security_group"], provider.security_groups(), members)


def _gateway(eyes: Eyes, instance: Instance, name: str) -> GatewayState | str:
    try:
        return eyes.gateways.look(name, translation_of(instance, name))
    except EffectFailed as silence:
        return str(silence)


def _state(eyes: Eyes, instance: Instance) -> ClusterState | None:
    try:
        return eyes.zookeeper.state(instance)
    except EffectFailed:
        return None


def _complaints(eyes: Eyes, instance: Instance) -> Iterator[str]:
    """What clients would find wrong; where nobody can look, nothing is said."""
    for name, network in client_networks(instance.wish).items():
        yield from _asked(eyes, instance, name, network)


def _asked(eyes: Eyes, instance: Instance, name: ListenerName, network: Network) -> tuple[str, ...]:
    vantage = eyes.vantages.of(network)
    if vantage is None:
        return ()
    places = [
        address_of(broker.id, each)
        for broker in instance.brokers
        for each in instance.listeners(broker)
        if each.name is name
    ]
    try:
        return complaints(vantage.ask(instance, places))
    except EffectFailed as silence:
        return (str(silence),)
