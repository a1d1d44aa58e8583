"""The configuration of a broker as data: what `server.properties` holds, key by key.

Values are the defaults of SPEC 8 and the static settings that would cost a rolling restart
if they were wrong at creation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from flows.domain import paths
from flows.domain.connections import limits_in_file
from flows.domain.host_secrets import HostSecrets, ListenerStores
from flows.domain.instance import Broker, Instance
from flows.domain.jvm import jvm
from flows.domain.listeners import Listener, ListenerName, Protocol
from flows.domain.product_topics import OFFSETS_PARTITIONS, TRANSACTION_PARTITIONS

CIPHER_SUITES = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
)

PARAMETERS = {
    "min.insync.replicas": "1",
    "message.max.bytes": "10485760",
    "unclean.leader.election.enable": "true",
    "connections.max.idle.ms": "600000",
    "log.retention.hours": "72",
    "group.max.session.timeout.ms": "1800000",
    "group.min.session.timeout.ms": "6000",
    "default.replication.factor": "3",
    "num.partitions": "3",
    "offsets.retention.minutes": "20160",
}
"""The parameters of SPEC 8 with their defaults."""

_SHORT_STALLS = {
    # A follower that asks the new leader a moment too early sleeps the back-off: 1 s by default.
    "replica.fetch.backoff.ms": "20",
    # A fetch that left just before a leader moved sleeps its whole wait: 0.5 s by default.
    "replica.fetch.wait.max.ms": "50",
    # A leader waits for a replica that it counts as caught up, also out of the in-sync set: so long
    # does a broker that left count, 30 s by default. ZooKeeper gives up a broker as soon.
    "replica.lag.time.max.ms": "6000",
    # The product elects leaders itself, when the broker is warm.
    "auto.leader.rebalance.enable": "false",
    "controlled.shutdown.enable": "true",
}
_TOLD = ("listeners", "advertised.listeners", "listener.security.protocol.map")
_STATIC = {
    # A broker that starts before the product made these topics looks for groups and transactions
    # in as many partitions, until it starts again.
    "offsets.topic.num.partitions": str(OFFSETS_PARTITIONS),
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.num.partitions": str(TRANSACTION_PARTITIONS),
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "log.retention.check.interval.ms": "60000",
    "zookeeper.session.timeout.ms": "6000",
    "zookeeper.connection.timeout.ms": "30000",
    "zookeeper.set.acl": "true",
    "allow.everyone.if.no.acl.found": "true",
}
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_PLAIN = f'kafkafleet.PlainUsersLoginModule required users="{paths.PLAIN_USERS}";'


def server_properties(instance: Instance, broker: Broker, secrets: HostSecrets) -> dict[str, str]:
    """Every key of a broker's configuration, in the order it is written."""
    return {
        **_identity(instance, broker),
        **_listeners(instance, broker),
        **_security(instance, secrets),
        **_client_listeners(instance, broker),
        **_stores(secrets),
        **limits_in_file(instance, broker),
        **_public_in_waiting(instance, broker, secrets),
        **PARAMETERS,
        "auto.create.topics.enable": _flag(instance.wish.auto_create_topics),
        **_STATIC,
        **_SHORT_STALLS,
        **_memory(instance),
        **instance.wish.release.settings,
    }


def told_listeners(
    instance: Instance, broker: Broker, secrets: HostSecrets, new: Collection[ListenerName]
) -> dict[str, str]:
    """What a running broker is told so that it serves its listeners; `new` are not there yet."""
    found = {key: value for key, value in _listeners(instance, broker).items() if key in _TOLD}
    for listener in instance.listeners(broker):
        if listener.name in new:
            stores = secrets.stores.get(listener.name)
            found |= store_locations({listener.name: stores}) if stores else {}
    return found


def store_locations(stores: Mapping[ListenerName, ListenerStores]) -> dict[str, str]:
    """What a running broker is told to use other stores; their password never changes."""
    found: dict[str, str] = {}
    for name, pair in stores.items():
        every = _listener_stores(f"listener.name.{name.lower()}.ssl", pair)
        found |= {key: value for key, value in every.items() if key.endswith(".location")}
    return found


def locations_due(
    told: Mapping[str, str], stores: Mapping[ListenerName, ListenerStores]
) -> dict[str, str]:
    """Those locations that a broker was told otherwise; what it was never told, its file says."""
    wished = store_locations(stores)
    return {key: path for key, path in wished.items() if told.get(key, path) != path}


def key_store_told(told: Mapping[str, str], name: ListenerName) -> str | None:
    """The file name of the key store that a broker was told to use for a listener, if any."""
    path = told.get(f"listener.name.{name.lower()}.ssl.keystore.location")
    return path.rpartition("/")[2] if path else None


def properties_text(properties: Mapping[str, str]) -> str:
    """The file; a backslash is the only character of ours that needs escaping."""
    lines = [f"{key}={value.replace(chr(92), chr(92) * 2)}" for key, value in properties.items()]
    return "\n".join(lines) + "\n"


def _identity(instance: Instance, broker: Broker) -> dict[str, str]:
    return {
        "broker.id": str(broker.id),
        "broker.rack": broker.zone,
        "zookeeper.connect": f"{instance.zookeeper_connect}{instance.chroot}",
        "log.dirs": paths.TOPICS,
    }


def _listeners(instance: Instance, broker: Broker) -> dict[str, str]:
    return {
        **endpoints(broker, instance.listeners(broker)),
        **told_map(instance, broker),
        "inter.broker.listener.name": ListenerName.INTERNAL,
        "listener.name.internal.ssl.client.auth": "required",
        "listener.name.control.ssl.client.auth": "required",
    }


def endpoints(broker: Broker, listeners: Iterable[Listener]) -> dict[str, str]:
    """Where a broker listens and what it advertises, with these listeners."""
    found = tuple(listeners)
    return {
        "listeners": ",".join(f"{each.name}://{broker.address}:{each.port}" for each in found),
        "advertised.listeners": ",".join(f"{each.name}://{each.advertised}" for each in found),
    }


def protocol_map(listeners: Iterable[Listener]) -> str:
    """Which listener speaks which protocol."""
    return ",".join(f"{each.name}:{each.protocol}" for each in listeners)


def told_map(instance: Instance, broker: Broker) -> dict[str, str]:
    """The setting by which a broker knows which of its listeners speaks which protocol."""
    return {"listener.security.protocol.map": protocol_map(instance.listeners(broker))}


def speaks(instance: Instance, broker: Broker, configs: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a broker was told no other protocols than the wished ones at run time."""
    known = configs.get(str(broker.id), {})
    return all(known.get(key, value) == value for key, value in told_map(instance, broker).items())


def client_auth(listener: Listener) -> dict[str, str]:
    """Whether clients of a listener show a certificate; with SASL_SSL they never do (KIP-684)."""
    asked = "required" if listener.protocol is Protocol.SSL else "none"
    return {f"listener.name.{listener.name.lower()}.ssl.client.auth": asked}


def _security(instance: Instance, secrets: HostSecrets) -> dict[str, str]:
    release = instance.wish.release
    supers = (instance.principal_broker, instance.principal_control)
    return {
        "authorizer.class.name": release.authorizer,
        "super.users": ";".join(f"User:{principal}" for principal in supers),
        "password.encoder.secret": secrets.encoder_secret,
        "ssl.enabled.protocols": release.tls_protocols,
        "ssl.cipher.suites": ",".join(CIPHER_SUITES),
    }


def _public_in_waiting(instance: Instance, broker: Broker, secrets: HostSecrets) -> dict[str, str]:
    """All of PUBLIC but its addresses and stores, for a broker that has no such listener yet.

    Kafka 2.7 refuses every later change of any listener once logins and passwords of one were
    told at run time; and to 1.1 no password can be told at all.
    """
    listeners = instance.listeners(broker)
    cross = next((each for each in listeners if each.name is ListenerName.CROSS), None)
    if cross is None or any(each.name is ListenerName.PUBLIC for each in listeners):
        return {}
    found = _client_listener(instance, replace(cross, name=ListenerName.PUBLIC))
    stores = secrets.stores.get(ListenerName.CROSS)
    if stores is not None:
        alike = _listener_stores("listener.name.public.ssl", stores)
        found |= {key: value for key, value in alike.items() if not key.endswith(".location")}
    limit = limits_in_file(instance, broker).get("listener.name.cross.max.connections")
    return found | ({"listener.name.public.max.connections": limit} if limit else {})


def _client_listeners(instance: Instance, broker: Broker) -> dict[str, str]:
    found: dict[str, str] = {}
    for listener in instance.listeners(broker):
        if listener.for_clients:
            found |= _client_listener(instance, listener)
    return found


def _client_listener(instance: Instance, listener: Listener) -> dict[str, str]:
    key = f"listener.name.{listener.name.lower()}"
    found = {f"{key}.principal.builder.class": "kafkafleet.ListenerPrincipalBuilder"}
    if listener.secured:
        # Logins are known with mutual TLS too: so it can be switched off while the broker runs.
        found |= client_auth(listener)
        found[f"{key}.sasl.enabled.mechanisms"] = ",".join(instance.wish.mechanisms)
        found[f"{key}.scram-sha-512.sasl.jaas.config"] = _SCRAM
        if instance.wish.sasl_plain:
            found[f"{key}.plain.sasl.jaas.config"] = _PLAIN
    return found


def _stores(secrets: HostSecrets) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, stores in secrets.stores.items():
        found |= _listener_stores(f"listener.name.{name.lower()}.ssl", stores)
    return found


def _listener_stores(key: str, stores: ListenerStores) -> dict[str, str]:
    found = {
        f"{key}.keystore.location": f"{paths.PRIVATE}/{stores.keystore.file_name}",
        f"{key}.keystore.type": "PKCS12",
        f"{key}.keystore.password": stores.keystore.password,
        f"{key}.key.password": stores.keystore.password,
    }
    if stores.truststore is not None:
        found |= {
            f"{key}.truststore.location": f"{paths.PRIVATE}/{stores.truststore.file_name}",
            f"{key}.truststore.type": "PKCS12",
            f"{key}.truststore.password": stores.truststore.password,
        }
    return found


def _memory(instance: Instance) -> dict[str, str]:
    settings = jvm(instance.wish.provider, instance.wish.flavor_row.memory_gb)
    if settings.cleaner_buffer_bytes is None:
        return {}
    return {
        "log.cleaner.dedupe.buffer.size": str(settings.cleaner_buffer_bytes),
        "background.threads": "2",
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
