"""Instances of the domain's tests: one that is written out, and any other that can exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from flows.domain.cluster import Partition
from flows.domain.errors import Refused
from flows.domain.flavors import FLAVORS
from flows.domain.host_secrets import HostSecrets, ListenerStores, Store
from flows.domain.instance import (
    Broker,
    HostState,
    Instance,
    Machine,
    Status,
    UnitState,
    machine_name,
    zone_of,
)
from flows.domain.wish import CapacityPolicy, DiskType, Wish

# How fast an example is says nothing on a machine that others use as well.
OFTEN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SELDOM = settings(OFTEN, max_examples=25)
"""For whole instances, which differ in a few ways only."""

ID, ORGANIZATION = "k7m2p9qa", "k7m2p9qa-x1y2z3w4"
CONTROL, CLIENTS = "10.0.9.9", "10.0.0.0/24"
ZONES = ("zone-1", "zone-2", "zone-3", "zone-4", "zone-5")


def wish(**changes: Any) -> Wish:
    """The wish of `demo`: all defaults of SPEC 1.1, but for the changes."""
    values: dict[str, Any] = {
        "name": "demo",
        "version": "2.7",
        "flavor": "kafka.2u4g.cluster",
        "brokers": 3,
        "storage_per_broker": 100,
        "disk_type": DiskType.ULTRA,
        "disk_encryption": False,
        "capacity_policy": CapacityPolicy.DELETE_OLDEST,
        "availability_zones": 1,
        "provider": "lab",
        "network": "lab",
        "subnet": "lab-lan",
        "security_group": "default",
        "sasl_ssl": False,
        "sasl_plain": False,
        "first_user": None,
        "manager_user": None,
        "auto_create_topics": False,
    }
    return Wish(**(values | changes))


def instance(asked: Wish | None = None, **changes: Any) -> Instance:
    """An instance on machines at 10.0.0.11, 10.0.0.12, ...; nobody looked at its hosts yet."""
    asked = asked or wish()
    addresses = [str(IPv4Address("10.0.0.11") + number) for number in range(asked.brokers)]
    values: dict[str, Any] = {
        "id": ID,
        "organization": ORGANIZATION,
        "wish": asked,
        "status": Status.RUNNING,
        "brokers": _brokers(asked, addresses),
        "control_address": CONTROL,
        "client_network": CLIENTS,
    }
    return Instance(**(values | changes))


def blank(asked: Wish | None = None, **changes: Any) -> Instance:
    """An instance that is wished for and has no machines yet."""
    whole = instance(asked, status=Status.CREATING, **changes)
    brokers = tuple(replace(broker, machine=None, address=None) for broker in whole.brokers)
    return replace(whole, brokers=brokers)


def serving(whole: Instance) -> Instance:
    """The same instance, seen with every unit active and every broker registered."""
    host = HostState(owner=whole.id, zookeeper=UnitState.ACTIVE, kafka=UnitState.ACTIVE)
    brokers = tuple(replace(broker, host=host, registered=True) for broker in whole.brokers)
    return replace(whole, brokers=brokers)


def with_broker(whole: Instance, number: int, **changes: Any) -> Instance:
    """The same instance with one broker changed."""
    brokers = tuple(
        replace(broker, **changes) if broker.id == number else broker for broker in whole.brokers
    )
    return replace(whole, brokers=brokers)


def part(topic: str, number: int, leader: int | None, in_sync: tuple[int, ...]) -> Partition:
    """A partition on brokers 1, 2 and 3, the first one preferred."""
    return Partition(topic, number, leader, (1, 2, 3), in_sync)


def host_secrets(whole: Instance, broker: Broker) -> HostSecrets:
    """Secrets that can be told from one another, with a store for every secured listener."""
    secured = [each for each in whole.listeners(broker) if each.secured]
    trust = _store("trust")
    return HostSecrets(
        stores={
            each.name: ListenerStores(
                _store(each.name.lower()), truststore=None if each.for_clients else trust
            )
            for each in secured
        },
        zookeeper_password="zookeeperkafka7secret",
        zookeeper_super_password="zookeepersuper7secret",
        zookeeper_peer_password="zookeeperpeer7secret",
        encoder_secret="encoder7secret",
        plain_users="alice:1:plainsalt7secret:plainhash7secret\n" if whole.wish.sasl_plain else "",
    )


def secret_texts(secrets: HostSecrets) -> set[str]:
    """Everything of a host's secrets that nobody else may read."""
    stores = [
        store
        for pair in secrets.stores.values()
        for store in (pair.keystore, pair.truststore)
        if store is not None
    ]
    return {
        secrets.zookeeper_password,
        secrets.zookeeper_super_password,
        secrets.zookeeper_peer_password,
        secrets.encoder_secret,
        *(store.password for store in stores),
        *([secrets.plain_users.strip()] if secrets.plain_users else []),
    }


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    """Any instance that a creation can lead to, on any addresses."""
    flavor = draw(st.sampled_from(sorted(FLAVORS)))
    count = draw(st.integers(3, 9))
    sasl_ssl = draw(st.booleans())
    asked = wish(
        flavor=flavor,
        brokers=count,
        availability_zones=draw(st.sampled_from([1, *range(3, min(count, 5) + 1)])),
        provider=draw(st.sampled_from(["lab", "hosts"])),
        sasl_ssl=sasl_ssl,
        sasl_plain=sasl_ssl and draw(st.booleans()),
        first_user="alice" if sasl_ssl else None,
        auto_create_topics=draw(st.booleans()),
    )
    network = draw(networks())
    hosts = st.integers(1, network.num_addresses - 2)
    numbers = draw(st.lists(hosts, min_size=count, max_size=count, unique=True))
    addresses = [str(network[number]) for number in numbers]
    control = draw(st.one_of(hosts.map(lambda n: str(network[n])), st.just("203.0.113.7")))
    return instance(
        asked,
        brokers=_brokers(asked, addresses),
        control_address=control,
        client_network=str(network),
    )


def networks() -> st.SearchStrategy[IPv4Network]:
    """Private networks of 14 to 254 hosts."""
    starts = st.integers(int(IPv4Address("10.0.0.0")), int(IPv4Address("10.255.255.0")))
    return st.builds(
        lambda start, bits: IPv4Network((start, bits), strict=False), starts, st.integers(24, 28)
    )


def refused(work: Callable[[], object]) -> str:
    """The sentence with which the work is refused."""
    with pytest.raises(Refused) as caught:
        work()
    return str(caught.value)


def _brokers(asked: Wish, addresses: list[str]) -> tuple[Broker, ...]:
    zones = ZONES[: asked.availability_zones]
    return tuple(
        Broker(number, zone, address, _machine(number, zone, address))
        for number, address in enumerate(addresses, start=1)
        for zone in [zone_of(number, zones)]
    )


def _machine(number: int, zone: str, address: str) -> Machine:
    return Machine(machine_name(ID, number, 1), number, 1, address, zone, f"ssh-ed25519 {number}")


def _store(name: str) -> Store:
    return Store(f"{name}-1f.p12", f"content of {name}".encode(), f"{name}store7secret")
