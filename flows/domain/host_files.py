"""Every file that one host of an instance holds: computed here, only delivered by Ansible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flows.domain import paths, units
from flows.domain.firewall import ruleset, table_name
from flows.domain.host_secrets import HostSecrets, Store
from flows.domain.instance import Broker, Instance
from flows.domain.server_properties import properties_text, server_properties
from flows.domain.wish import User
from flows.domain.zookeeper_config import kafka_jaas, my_id, zoo_cfg, zookeeper_jaas


@dataclass(frozen=True)
class HostFile:
    """One file; a secret one is readable by its owner alone and never shown."""

    path: str
    content: str | bytes = field(repr=False)
    owner: str = "root"
    mode: str = "0644"
    secret: bool = False


def host_files(instance: Instance, broker: Broker, secrets: HostSecrets) -> tuple[HostFile, ...]:
    """All files of a host, the same for the same instance and secrets."""
    return (
        *_public_files(instance, broker),
        *_private_files(instance, broker, secrets),
        *(_zookeeper_files(instance, broker, secrets) if broker.has_zookeeper else ()),
    )


def user_files(plain_users: str, users: Iterable[User]) -> tuple[HostFile, ...]:
    """What brokers read anew whenever it changes: the logins by PLAIN, and whose sessions ended.

    A connection belongs to the line that its user had in `sessions` at its first request; once
    that line is another one, or gone, it is closed at its next request.
    """
    sessions = "".join(f"{user.name}:{user.sessions}\n" for user in users)
    return (_private(paths.PLAIN_USERS, plain_users), _private(paths.SESSIONS, sessions))


def host_units(broker: Broker) -> tuple[str, ...]:
    """The units that start with the machine."""
    zookeeper = (paths.ZOOKEEPER_UNIT,) if broker.has_zookeeper else ()
    return (paths.FIREWALL_UNIT, *zookeeper, paths.KAFKA_UNIT)


def _public_files(instance: Instance, broker: Broker) -> tuple[HostFile, ...]:
    firewall = units.firewall_unit(instance, table_name(instance))
    return (
        HostFile(paths.FIREWALL, ruleset(instance)),
        HostFile(f"{paths.UNITS}/{paths.FIREWALL_UNIT}", firewall),
        HostFile(paths.KAFKA_LOGGING, units.KAFKA_LOGGING),
        HostFile(f"{paths.UNITS}/{paths.KAFKA_UNIT}", units.kafka_unit(instance)),
        HostFile("/etc/systemd/journald.conf.d/kafka-fleet.conf", units.JOURNAL_LIMIT),
    )


def _private_files(
    instance: Instance, broker: Broker, secrets: HostSecrets
) -> tuple[HostFile, ...]:
    properties = properties_text(server_properties(instance, broker, secrets))
    return (
        _private(paths.SERVER_PROPERTIES, properties),
        _private(paths.KAFKA_JAAS, kafka_jaas(secrets)),
        *user_files(secrets.plain_users, instance.wish.users),
        _private(paths.REVOKED_SERIALS, ""),
        *(
            _private(f"{paths.PRIVATE}/{store.file_name}", store.content)
            for store in _stores(secrets)
        ),
    )


def _zookeeper_files(
    instance: Instance, broker: Broker, secrets: HostSecrets
) -> tuple[HostFile, ...]:
    return (
        HostFile(paths.ZOO_CFG, zoo_cfg(instance, broker)),
        HostFile(paths.ZOOKEEPER_LOGGING, units.ZOOKEEPER_LOGGING),
        HostFile(f"{paths.UNITS}/{paths.ZOOKEEPER_UNIT}", units.zookeeper_unit(instance)),
        HostFile(f"{paths.ZOOKEEPER_DATA}/myid", my_id(broker), owner=paths.USER),
        _private(paths.ZOOKEEPER_JAAS, zookeeper_jaas(secrets)),
    )


def _private(path: str, content: str | bytes) -> HostFile:
    return HostFile(path, content, owner=paths.USER, mode="0400", secret=True)


def _stores(secrets: HostSecrets) -> tuple[Store, ...]:
    found: dict[str, Store] = {}
    for pair in secrets.stores.values():
        for store in (pair.keystore, pair.truststore):
            if store is not None:
                found[store.file_name] = store
    return tuple(found.values())
