"""Every file that one host of an instance holds: computed here, only delivered by others."""

from __future__ import annotations

from base64 import b64encode
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


def revocation_file(serials: str) -> HostFile:
    """The serials of client certificates that a broker refuses; read anew at every change."""
    return _private(paths.REVOKED_SERIALS, serials)


def firewall_file(instance: Instance) -> HostFile:
    """The table that says who may come in; alike on every host."""
    return HostFile(paths.FIREWALL, ruleset(instance))


def properties_file(instance: Instance, broker: Broker, secrets: HostSecrets) -> HostFile:
    """The configuration that a broker reads when it starts."""
    properties = properties_text(server_properties(instance, broker, secrets))
    return _private(paths.SERVER_PROPERTIES, properties)


def store_files(secrets: HostSecrets) -> tuple[HostFile, ...]:
    """The stores of all listeners."""
    return tuple(store_file(store) for store in _stores(secrets))


def store_file(store: Store) -> HostFile:
    """One store, under its name."""
    return _private(f"{paths.PRIVATE}/{store.file_name}", store.content)


def as_variable(file: HostFile) -> dict[str, str]:
    """A file as the code wants it that writes it on a host."""
    shown = {"path": file.path, "mode": file.mode, "owner": file.owner}
    if isinstance(file.content, bytes):
        return shown | {"content": b64encode(file.content).decode(), "encoding": "base64"}
    return shown | {"content": file.content}


def host_units(broker: Broker) -> tuple[str, ...]:
    """The units that start with the machine."""
    zookeeper = (paths.ZOOKEEPER_UNIT,) if broker.has_zookeeper else ()
    return (paths.FIREWALL_UNIT, *zookeeper, paths.KAFKA_UNIT)


def _public_files(instance: Instance, broker: Broker) -> tuple[HostFile, ...]:
    firewall = units.firewall_unit(instance, table_name(instance))
    return (
        firewall_file(instance),
        HostFile(f"{paths.UNITS}/{paths.FIREWALL_UNIT}", firewall),
        HostFile(paths.KAFKA_LOGGING, units.KAFKA_LOGGING),
        HostFile(f"{paths.UNITS}/{paths.KAFKA_UNIT}", units.kafka_unit(instance)),
        HostFile("/etc/systemd/journald.conf.d/kafka-fleet.conf", units.JOURNAL_LIMIT),
    )


def _private_files(
    instance: Instance, broker: Broker, secrets: HostSecrets
) -> tuple[HostFile, ...]:
    return (
        properties_file(instance, broker, secrets),
        _private(paths.KAFKA_JAAS, kafka_jaas(secrets)),
        *user_files(secrets.plain_users, instance.wish.users),
        revocation_file(secrets.revoked_serials),
        *store_files(secrets),
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
