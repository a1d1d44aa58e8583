"""The configuration of a broker: each value that matters, and why it must be so."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain import paths
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName
from flows.domain.server_properties import (
    key_store_told,
    locations_due,
    properties_text,
    server_properties,
    store_locations,
)
from tests.domain.samples import (
    SELDOM,
    host_secrets,
    instance,
    instances,
    secret_texts,
    wish,
)

SECURED = instance(wish(sasl_ssl=True, sasl_plain=True, first_user="alice"))
OPEN = instance()

# SPEC 8: parameter -> default.
PARAMETERS = {
    "min.insync.replicas": "1",
    "message.max.bytes": "10485760",
    "max.connections.per.ip": "1000",
    "unclean.leader.election.enable": "true",
    "connections.max.idle.ms": "600000",
    "log.retention.hours": "72",
    "group.max.session.timeout.ms": "1800000",
    "group.min.session.timeout.ms": "6000",
    "default.replication.factor": "3",
    "num.partitions": "3",
    "offsets.retention.minutes": "20160",
}


def properties(whole: Instance, broker: Broker | None = None) -> dict[str, str]:
    """The properties of a broker, of the first one by default."""
    broker = broker or whole.brokers[0]
    return server_properties(whole, broker, host_secrets(whole, broker))


@pytest.mark.parametrize("key", PARAMETERS)
def test_parameters_have_the_defaults_of_the_contract(key: str) -> None:
    assert properties(OPEN)[key] == PARAMETERS[key]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (
            "inter.broker.protocol.version",
            "2.5",
            "the default of 2.7.2 stalls acks=all for 8-12 s in one of six controller restarts",
        ),
        ("replica.fetch.backoff.ms", "20", "the default costs 1 s in every restart"),
        ("replica.fetch.wait.max.ms", "50", "the default costs 0.5 s in every restart"),
        ("auto.leader.rebalance.enable", "false", "the product elects, when the broker is warm"),
        ("controlled.shutdown.enable", "true", "leaders move before a broker stops"),
        ("zookeeper.session.timeout.ms", "6000", "units wait longer than that between starts"),
        ("zookeeper.set.acl", "true", "nodes belong to the login, not to the world"),
        ("allow.everyone.if.no.acl.found", "true", "a topic without a grant is open (SPEC 3)"),
        ("offsets.topic.replication.factor", "3", "the loss of a broker loses no offsets"),
        ("offsets.topic.num.partitions", "24", "as many as the product makes"),
        ("transaction.state.log.num.partitions", "12", "as many as the product makes"),
        ("transaction.state.log.replication.factor", "3", "nor transactions"),
        ("transaction.state.log.min.isr", "2", "nor those acknowledged"),
        ("log.retention.check.interval.ms", "60000", "the default looks every five minutes"),
        ("inter.broker.listener.name", "INTERNAL", "brokers talk where clients cannot"),
        ("listener.name.internal.ssl.client.auth", "required", "only brokers come in"),
        ("listener.name.control.ssl.client.auth", "required", "only the product comes in"),
        ("ssl.enabled.protocols", "TLSv1.2,TLSv1.3", "SPEC 2.1, 2.7"),
        ("log.dirs", "/srv/kafka/topics", "on the data disk"),
    ],
)
def test_static_settings_are_right_from_the_start(key: str, value: str, reason: str) -> None:
    for whole in (OPEN, SECURED):
        assert properties(whole)[key] == value, reason


def test_suites_are_the_closed_list_of_the_contract() -> None:
    """TLS 1.3, then ECDHE with AES-GCM, then AES-128-CBC-SHA256, each for ECDSA and RSA."""
    suites = properties(SECURED)["ssl.cipher.suites"].split(",")
    pairs = [
        f"TLS_ECDHE_{key}_WITH_AES_{rest}"
        for rest in ("256_GCM_SHA384", "128_GCM_SHA256", "128_CBC_SHA256")
        for key in ("ECDSA", "RSA")
    ]
    assert suites == ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", *pairs]


@SELDOM
@given(instances())
def test_super_users_are_the_brokers_and_the_product_and_nobody_else(whole: Instance) -> None:
    organization = whole.organization
    assert properties(whole)["super.users"] == (
        f"User:CN=broker,O={organization};User:CN=control,O={organization}"
    )


@SELDOM
@given(instances())
def test_client_certificates_are_judged_per_listener_never_broker_wide(whole: Instance) -> None:
    """Broker-wide our builder would rename the super users; without it on a client listener a
    client certificate could be a super user's."""
    builders = {
        key: value for key, value in properties(whole).items() if "principal.builder" in key
    }
    assert builders == {
        f"listener.name.{name}.principal.builder.class": "kafkafleet.ListenerPrincipalBuilder"
        for name in ("private", "cross", "public")
    }


@SELDOM
@given(instances())
def test_listeners_come_back_from_their_strings(whole: Instance) -> None:
    bound = set()
    for broker in whole.brokers:
        found = properties(whole, broker)
        wished = whole.listeners(broker)
        assert parsed(found["listeners"]) == [
            (each.name, broker.address, each.port) for each in wished
        ]
        assert parsed(found["advertised.listeners"]) == [
            (each.name, each.advertised_host, each.port) for each in wished
        ]
        protocols = found["listener.security.protocol.map"].split(",")
        assert [tuple(each.split(":")) for each in protocols] == [
            (each.name, each.protocol) for each in wished
        ]
        bound |= {(host, port) for _, host, port in parsed(found["listeners"])}
    assert len(bound) == 4 * len(whole.brokers), "two brokers have one address and port"


def parsed(text: str) -> list[tuple[str, str, int]]:
    """`NAME://host:port,...` as Kafka reads it."""
    found = re.findall(r"(\w+)://([^:,]+):(\d+)", text)
    return [(name, host, int(port)) for name, host, port in found]


@SELDOM
@given(instances())
def test_brokers_know_their_number_their_zone_and_their_own_root(whole: Instance) -> None:
    seen = [properties(whole, broker) for broker in whole.brokers]
    assert [each["broker.id"] for each in seen] == [str(b.id) for b in whole.brokers]
    assert [each["broker.rack"] for each in seen] == [b.zone for b in whole.brokers]
    (connect,) = {each["zookeeper.connect"] for each in seen}
    members = ",".join(f"{broker.address}:2181" for broker in whole.brokers[:3])
    assert connect == f"{members}/{whole.id}"


@SELDOM
@given(instances())
def test_each_secured_listener_has_its_own_key_and_only_ours_a_trust_store(
    whole: Instance,
) -> None:
    found = properties(whole)
    secured = {each.name.lower() for each in whole.listeners(whole.brokers[0]) if each.secured}
    keys = names_with(found, "ssl.keystore.location")
    assert keys == secured
    stores = [found[f"listener.name.{name}.ssl.keystore.location"] for name in keys]
    assert len(set(stores)) == len(stores)
    assert names_with(found, "ssl.truststore.location") == {"internal", "control"}
    for key, value in found.items():
        if key.endswith("store.location"):
            assert value.startswith(f"{paths.PRIVATE}/")
        if key.endswith("store.type"):
            assert value == "PKCS12"


def names_with(found: dict[str, str], ending: str) -> set[str]:
    """The listeners that have a key of this ending; it never stands broker-wide."""
    keys = [key for key in found if key.endswith(ending)]
    assert all(key.startswith("listener.name.") for key in keys)
    return {key.split(".")[2] for key in keys}


@pytest.mark.parametrize(
    ("changes", "mechanisms"),
    [
        ({}, None),
        ({"sasl_ssl": True, "first_user": "alice"}, "SCRAM-SHA-512"),
        (
            {"sasl_ssl": True, "first_user": "alice", "sasl_plain": True},
            "SCRAM-SHA-512,PLAIN",
        ),
    ],
)
def test_logins_are_offered_as_wished_and_to_clients_only(
    changes: dict[str, object], mechanisms: str | None
) -> None:
    found = properties(instance(wish(**changes)))
    offered = {key: value for key, value in found.items() if "sasl" in key}
    if mechanisms is None:
        assert offered == {}
        return
    assert {key.split(".")[2] for key in offered} == {"private", "cross", "public"}
    assert offered["listener.name.private.sasl.enabled.mechanisms"] == mechanisms
    assert offered["listener.name.private.scram-sha-512.sasl.jaas.config"] == (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    )
    plain = offered.get("listener.name.cross.plain.sasl.jaas.config")
    users = 'kafkafleet.PlainUsersLoginModule required users="/etc/kafka-fleet/private/plain.users"'
    assert plain == (f"{users};" if "PLAIN" in mechanisms.split(",") else None)


@pytest.mark.parametrize("wished", [True, False])
def test_topics_appear_by_themselves_only_when_wished(wished: bool) -> None:
    found = properties(instance(wish(auto_create_topics=wished)))
    assert found["auto.create.topics.enable"] == ("true" if wished else "false")


def test_only_the_lab_saves_memory_on_the_cleaner() -> None:
    """Its default buffer alone is 128 MiB, half of a lab broker's heap."""
    assert properties(OPEN)["log.cleaner.dedupe.buffer.size"] == "4194304"
    real = properties(instance(wish(provider="hosts")))
    assert "log.cleaner.dedupe.buffer.size" not in real
    assert "background.threads" not in real


@SELDOM
@given(instances())
def test_secrets_stand_only_where_kafka_reads_them(whole: Instance) -> None:
    secrets = host_secrets(whole, whole.brokers[0])
    found = server_properties(whole, whole.brokers[0], secrets)
    holding = {
        key for key, value in found.items() if any(text in value for text in secret_texts(secrets))
    }
    assert "password.encoder.secret" in holding
    assert all(key.endswith((".password", "password.encoder.secret")) for key in holding)


KEYS = st.from_regex(r"[a-z0-9]+(\.[a-z0-9-]+){0,3}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)


@SELDOM
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_the_file_is_read_as_it_was_meant(written: dict[str, str]) -> None:
    assert java_properties(properties_text(written)) == written


@SELDOM
@given(instances())
def test_every_key_is_one_that_needs_no_escaping(whole: Instance) -> None:
    found = properties(whole)
    assert all(re.fullmatch(r"[a-z0-9.-]+", key) for key in found)
    assert java_properties(properties_text(found)) == found


def java_properties(text: str) -> dict[str, str]:
    """The file as java.util.Properties reads it, for keys without escapes."""
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {key: re.sub(r"\\(.)", r"\1", value) for key, _, value in pairs}


def test_a_location_is_due_where_a_broker_was_told_another_one() -> None:
    secured = host_secrets(SECURED, SECURED.brokers[0]).stores
    stores = {ListenerName.CROSS: secured[ListenerName.PRIVATE]}
    wished = store_locations(stores)
    (key, path), *_ = wished.items()
    assert locations_due({}, stores) == {}, "what was never told, its file says"
    assert locations_due(wished, stores) == {}
    assert locations_due({**wished, key: "/old.p12"}, stores) == {key: path}


def test_the_key_store_that_a_broker_was_told_is_named_by_its_file() -> None:
    told = {"listener.name.cross.ssl.keystore.location": "/etc/private/cross-1f.p12"}
    assert key_store_told(told, ListenerName.CROSS) == "cross-1f.p12"
    assert key_store_told(told, ListenerName.PUBLIC) is None
