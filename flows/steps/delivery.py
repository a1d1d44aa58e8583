"""Delivery: hosts hold what the domain computed.

A play makes a host one of ours, with all that it holds. What is changed on hosts that are ours
already, while clients wait for it, goes over the connections that are open anyway (ADR 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flows.adapters.secrets.client_certificates import revoked_serials
from flows.adapters.secrets.kept import ZOOKEEPER_PASSWORD
from flows.adapters.site import Play, Site
from flows.domain import paths
from flows.domain.host_files import HostFile, as_variable, host_files, host_units
from flows.domain.host_secrets import HostSecrets
from flows.domain.instance import Broker, Instance, Machine
from flows.steps.certificates import listener_stores
from flows.steps.hosts import on_each
from flows.steps.step import step
from flows.steps.user_secrets import plain_users

LONG_SECRET = 32
NOTHING: Mapping[str, str] = MappingProxyType({})


@step("deliver firewall, configuration and ZooKeeper")
def deliver(site: Site, instance: Instance) -> None:
    """Every host is one of ours: user, disk, firewall, files and units; ZooKeeper was started."""
    _deliver(site, instance, instance.brokers)


@step("broker {broker.id}: deliver its configuration")
def configure_broker(site: Site, instance: Instance, broker: Broker) -> None:
    """The host of one broker holds what the wish says; its ZooKeeper, if it has one, runs."""
    _deliver(site, instance, (broker,))


def _deliver(site: Site, instance: Instance, brokers: Sequence[Broker]) -> None:
    files = {
        broker.id: host_files(instance, broker, host_secrets(site, instance, broker))
        for broker in brokers
    }
    site.ansible.play(
        Play(
            playbook="deliver.yml",
            machines=tuple(broker.machine for broker in brokers if broker.machine),
            epoch=site.epoch,
            variables=_per_machine(brokers, lambda broker: _variables(broker, files[broker.id])),
            secrets=_per_machine(brokers, lambda broker: _secret_files(files[broker.id])),
        )
    )


def put_files(
    site: Site,
    brokers: Iterable[Broker],
    files: Callable[[Broker], Iterable[HostFile]],
    loaded: Mapping[str, str] = NOTHING,
) -> None:
    """The hosts hold these files, all others stay, and units have loaded theirs.

    On all hosts at once: nothing of it reaches a broker before it is told, or starts.
    """
    placed = [(each.machine, tuple(files(each))) for each in brokers if each.machine]
    on_each(lambda put: site.hosts.deliver(put[0], site.epoch, put[1], loaded), placed)


def machines_of(instance: Instance) -> tuple[Machine, ...]:
    """The machines of all brokers that have one."""
    return tuple(broker.machine for broker in instance.brokers if broker.machine)


def host_secrets(site: Site, instance: Instance, broker: Broker) -> HostSecrets:
    """What this host must hold in clear; made when there is none."""
    return HostSecrets(
        stores=listener_stores(site, instance, broker),
        zookeeper_password=kept_token(site, ZOOKEEPER_PASSWORD),
        zookeeper_super_password=kept_token(site, "zookeeper-super"),
        zookeeper_peer_password=kept_token(site, "zookeeper-peer"),
        encoder_secret=kept_token(site, "password-encoder"),
        plain_users=plain_users(site, instance.wish),
        revoked_serials=revoked_serials(site.secrets, instance.id, instance.wish),
    )


def kept_token(site: Site, name: str) -> str:
    """A long random secret of the instance; made when there is none."""
    return site.secrets.keep(site.instance_id, name, lambda: site.clock.token(LONG_SECRET))


def _per_machine(
    brokers: Sequence[Broker], variables: Callable[[Broker], Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    return {broker.machine.name: variables(broker) for broker in brokers if broker.machine}


def _variables(broker: Broker, files: Iterable[HostFile]) -> dict[str, Any]:
    return {
        "host_directories": _directories(broker),
        "host_files": [as_variable(file) for file in files if not file.secret],
        "host_units": list(host_units(broker)),
        "host_started_units": [paths.ZOOKEEPER_UNIT] if broker.has_zookeeper else [],
        "host_loaded_units": {paths.FIREWALL_UNIT: paths.FIREWALL},
    }


def _secret_files(files: Iterable[HostFile]) -> dict[str, Any]:
    return {"host_secret_files": [as_variable(file) for file in files if file.secret]}


def _directories(broker: Broker) -> list[dict[str, str]]:
    zookeeper = [paths.ZOOKEEPER_DATA] if broker.has_zookeeper else []
    owned = [paths.DATA, paths.TOPICS, *zookeeper]
    return [
        {"path": paths.PRIVATE, "mode": "0700", "owner": paths.USER},
        *({"path": path, "mode": "0750", "owner": paths.USER} for path in owned),
    ]
