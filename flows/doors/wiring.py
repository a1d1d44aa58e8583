"""The composition root: which adapter stands behind which door to the outside world.

Adapters are imported where they are opened, so that `fleet ls` pays for the records alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flows.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    from flows.adapters.provider.hosts import HostsProvider
    from flows.adapters.records.sql import SqlRecords
    from flows.adapters.secrets import FernetSecrets
    from flows.adapters.site import Doors, Gateways, Provider, Vantages
    from flows.adapters.vantage import Login
    from flows.domain.instance import Instance
    from inventories.lab import Lab


def open_doors(settings: Settings, say: Callable[[str], None]) -> Doors:
    """Every adapter of this control plane; `say` hears what they do."""
    from flows.adapters import site  # noqa: PLC0415
    from flows.adapters.ansible import RunnerAnsible  # noqa: PLC0415
    from flows.adapters.boots import SshBoots  # noqa: PLC0415
    from flows.adapters.clock import SystemClock  # noqa: PLC0415
    from flows.adapters.credentials import kafka_credentials, zookeeper_login  # noqa: PLC0415
    from flows.adapters.distributions import CachedDistributions  # noqa: PLC0415
    from flows.adapters.hosts import SshHosts  # noqa: PLC0415
    from flows.adapters.kafka import ConfluentKafka  # noqa: PLC0415
    from flows.adapters.probe import ProcessProbes  # noqa: PLC0415
    from flows.adapters.processes import LinuxProcesses  # noqa: PLC0415
    from flows.adapters.secrets.kept import SSH_KEY  # noqa: PLC0415
    from flows.adapters.tls import TlsHandshakes  # noqa: PLC0415
    from flows.adapters.uploads import UploadsDirectory  # noqa: PLC0415
    from flows.adapters.zookeeper import KazooZooKeeper  # noqa: PLC0415

    secrets = open_secrets(settings)

    def ssh_key(instance_id: str) -> Callable[[], str]:
        return lambda: secrets.get(instance_id, SSH_KEY) or ""

    zookeeper = KazooZooKeeper(lambda instance: zookeeper_login(secrets, instance))
    return site.Doors(
        clock=SystemClock(),
        providers=provider_names(settings),
        provider=cache(lambda name: open_provider(settings, name, say)),
        records=open_records(settings),
        secrets=secrets,
        uploads=UploadsDirectory(settings.uploads),
        processes=LinuxProcesses(),
        distributions=CachedDistributions(settings.cache / "distributions", say),
        ansible=lambda instance_id, tell: RunnerAnsible(
            instance_id, ssh_key(instance_id), CHECKOUT / "playbooks", tell
        ),
        hosts=cache(lambda instance_id: SshHosts(instance_id, ssh_key(instance_id))),
        boots=cache(lambda instance_id: SshBoots(ssh_key(instance_id))),
        zookeeper=zookeeper,
        kafka=ConfluentKafka(lambda instance: kafka_credentials(secrets, instance), zookeeper),
        probes=ProcessProbes(lambda instance: kafka_credentials(secrets, instance)),
        tls=TlsHandshakes(),
        vantages=cache(lambda name: open_vantages(settings, name, say)),
        gateways=cache(lambda name: open_gateways(settings, name, say)),
    )


def provider_names(settings: Settings) -> tuple[str, ...]:
    """Where machines can come from here: the lab once it was brought up, hosts once listed."""
    lab = ("lab",) if open_lab(settings, lambda line: None).exists() else ()
    hosts = ("hosts",) if settings.hosts else ()
    return (*lab, *hosts)


def open_provider(settings: Settings, name: str, say: Callable[[str], None]) -> Provider:
    """The provider of that name, the default one without a name; Refused when it is not here."""
    from flows.adapters.provider.lab import LabProvider  # noqa: PLC0415
    from flows.domain.providers import no_provider  # noqa: PLC0415

    available = provider_names(settings)
    chosen = name or next(iter(available), "")
    if chosen not in available:
        raise no_provider(chosen, available)
    if chosen == "hosts":
        return open_hosts(settings, say)
    return LabProvider(open_lab(settings, say))


def open_hosts(settings: Settings, say: Callable[[str], None]) -> HostsProvider:
    """The machines of one's own list; Refused when it cannot be used."""
    from flows.adapters.ansible import RunnerAnsible  # noqa: PLC0415
    from flows.adapters.clock import SystemClock  # noqa: PLC0415
    from flows.adapters.provider.hosts import HostsProvider  # noqa: PLC0415
    from flows.adapters.provider.taken import TakenHosts  # noqa: PLC0415
    from flows.adapters.records.engine import open_engine  # noqa: PLC0415
    from flows.domain.errors import Refused  # noqa: PLC0415
    from flows.domain.providers import no_provider  # noqa: PLC0415
    from inventories.hosts import HostsRefused, load_hosts  # noqa: PLC0415

    if not settings.hosts:
        raise no_provider("hosts", provider_names(settings))
    try:
        listed = load_hosts(Path(settings.hosts))
    except HostsRefused as refused:
        raise Refused(f"hosts: {refused}") from None
    return HostsProvider(
        listed,
        TakenHosts(open_engine(settings.database_url), SystemClock()),
        lambda owner, key: RunnerAnsible(owner, key, CHECKOUT / "playbooks", say),
    )


def open_vantages(settings: Settings, provider: str, say: Callable[[str], None]) -> Vantages:
    """The hosts from which clients of that provider's machines would look."""
    from flows.adapters.credentials import kafka_credentials  # noqa: PLC0415
    from flows.adapters.vantage import LabVantages, ListedVantages, login_of  # noqa: PLC0415

    secrets = open_secrets(settings)

    def login(instance: Instance) -> Login:
        return login_of(kafka_credentials(secrets, instance))

    if provider == "hosts":
        return ListedVantages(open_hosts(settings, say).listed, login)
    return LabVantages(open_lab(settings, say), lab_key(settings), login)


def open_gateways(settings: Settings, provider: str, say: Callable[[str], None]) -> Gateways:
    """The gateways before that provider's machines."""
    from flows.adapters.ansible import RunnerAnsible  # noqa: PLC0415
    from flows.adapters.gateways import (  # noqa: PLC0415
        SshGateways,
        lab_gateway,
        listed_gateways,
    )

    if provider == "hosts":
        known = listed_gateways(open_hosts(settings, say).listed)
    else:
        known = lab_gateway(open_lab(settings, say), lab_key(settings))
    return SshGateways(
        known, lambda owner, key: RunnerAnsible(owner, key, CHECKOUT / "playbooks", say)
    )


def lab_key(settings: Settings) -> Callable[[], str]:
    """The SSH key of those of the lab's machines that belong to no instance."""
    from flows.adapters.hosts.keys import new_key  # noqa: PLC0415
    from flows.adapters.secrets.kept import SSH_KEY  # noqa: PLC0415

    secrets = open_secrets(settings)
    return cache(lambda: secrets.keep("lab", SSH_KEY, new_key))


def open_lab(settings: Settings, say: Callable[[str], None]) -> Lab:
    """The lab of this control plane."""
    from inventories.lab import Lab  # noqa: PLC0415

    return Lab(
        settings.lab,
        root=settings.lab_root,
        cache=settings.cache,
        network=settings.lab_network,
        say=say,
    )


def open_secrets(settings: Settings) -> FernetSecrets:
    """The encrypted store, with the master key of this home."""
    from flows.adapters.records.engine import open_engine  # noqa: PLC0415
    from flows.adapters.secrets import FernetSecrets, PrefectBlocks  # noqa: PLC0415

    keyring = settings.secrets / "master.key"
    return FernetSecrets(open_engine(settings.database_url), keyring, PrefectBlocks())


def open_records(settings: Settings) -> SqlRecords:
    """What is remembered; EffectFailed when `fleet up` has not made it yet."""
    from flows.adapters.clock import SystemClock  # noqa: PLC0415
    from flows.adapters.processes import LinuxProcesses  # noqa: PLC0415
    from flows.adapters.records.sql import open_records as open_sql  # noqa: PLC0415
    from flows.domain.quotas import Amount  # noqa: PLC0415

    quotas = Amount(settings.quota_instances, settings.quota_brokers, settings.quota_storage_gb)
    return open_sql(settings.database_url, LinuxProcesses(), SystemClock(), quotas)


def upgrade_records(settings: Settings) -> None:
    """The records have the schema of this program, with all that was in them."""
    from flows.adapters.records.engine import open_engine  # noqa: PLC0415
    from flows.adapters.records.migrate import upgrade  # noqa: PLC0415

    upgrade(open_engine(settings.database_url))
