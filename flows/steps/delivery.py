"""Delivery: one play makes every host hold what the domain computed, and ZooKeeper run."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flows.adapters.secrets.kept import FIRST_USER_PASSWORD, ZOOKEEPER_PASSWORD
from flows.adapters.site import Play, Site
from flows.domain import paths
from flows.domain.errors import EffectFailed, Refused
from flows.domain.host_files import HostFile, host_files, host_units
from flows.domain.host_secrets import HostSecrets
from flows.domain.instance import Broker, Instance, Machine
from flows.domain.names import check_password
from flows.domain.scram import plain_line
from flows.steps.certificates import listener_stores
from flows.steps.step import step

LONG_SECRET = 32
PASSWORD_CHARACTERS, PASSWORD_TRIES = 20, 20


@step("deliver firewall, configuration and ZooKeeper")
def deliver(site: Site, instance: Instance) -> None:
    """Every host is one of ours: user, disk, firewall, files and units; ZooKeeper was started."""
    secrets = {broker.id: host_secrets(site, instance, broker) for broker in instance.brokers}
    files = {
        broker.id: host_files(instance, broker, secrets[broker.id]) for broker in instance.brokers
    }
    site.ansible.play(
        Play(
            playbook="deliver.yml",
            machines=machines_of(instance),
            epoch=site.epoch,
            variables=_per_machine(instance, lambda broker: _variables(broker, files[broker.id])),
            secrets=_per_machine(instance, lambda broker: _secret_files(files[broker.id])),
        )
    )


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
        plain_users=_plain_users(site, instance),
    )


def kept_token(site: Site, name: str) -> str:
    """A long random secret of the instance; made when there is none."""
    return site.secrets.keep(site.instance_id, name, lambda: site.clock.token(LONG_SECRET))


def _plain_users(site: Site, instance: Instance) -> str:
    user = instance.wish.first_user
    if not instance.wish.sasl_plain or user is None:
        return ""

    def make() -> str:
        salt = site.clock.token(LONG_SECRET).encode()
        return plain_line(user, first_user_password(site, user), salt)

    return site.secrets.keep(site.instance_id, "plain-first-user", make) + "\n"


def first_user_password(site: Site, user: str) -> str:
    """The first user's password: the one that was given, or one made now."""
    return site.secrets.keep(
        site.instance_id, FIRST_USER_PASSWORD, lambda: _new_password(site, user)
    )


def _new_password(site: Site, user: str) -> str:
    # Chance knows no names: one password in some ten thousand holds a name of four letters.
    for _ in range(PASSWORD_TRIES):
        password = site.clock.password(PASSWORD_CHARACTERS)
        if _keeps_rules(password, user):
            return password
    raise EffectFailed(
        f"first_user_password: {PASSWORD_TRIES} generated passwords all held the name {user}"
    )


def _keeps_rules(password: str, user: str) -> bool:
    try:
        check_password(FIRST_USER_PASSWORD, password, user)
    except Refused:
        return False
    return True


def _per_machine(
    instance: Instance, variables: Callable[[Broker], Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    return {broker.machine.name: variables(broker) for broker in instance.brokers if broker.machine}


def _variables(broker: Broker, files: Iterable[HostFile]) -> dict[str, Any]:
    return {
        "host_directories": _directories(broker),
        "host_files": [_as_variable(file) for file in files if not file.secret],
        "host_units": list(host_units(broker)),
        "host_started_units": [paths.ZOOKEEPER_UNIT] if broker.has_zookeeper else [],
        "host_loaded_units": {paths.FIREWALL_UNIT: paths.FIREWALL},
    }


def _secret_files(files: Iterable[HostFile]) -> dict[str, Any]:
    return {"host_secret_files": [_as_variable(file) for file in files if file.secret]}


def _directories(broker: Broker) -> list[dict[str, str]]:
    zookeeper = [paths.ZOOKEEPER_DATA] if broker.has_zookeeper else []
    owned = [paths.DATA, paths.TOPICS, *zookeeper]
    return [
        {"path": paths.PRIVATE, "mode": "0700", "owner": paths.USER},
        *({"path": path, "mode": "0750", "owner": paths.USER} for path in owned),
    ]


def _as_variable(file: HostFile) -> dict[str, str]:
    shown = {"path": file.path, "mode": file.mode, "owner": file.owner}
    if isinstance(file.content, bytes):
        return shown | {"content": b64encode(file.content).decode(), "encoding": "base64"}
    return shown | {"content": file.content}
