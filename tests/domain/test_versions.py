"""What differs between Kafka versions: their configuration as data, and why it must be so."""

from __future__ import annotations

import pytest

import distributions
from flows.domain.server_properties import server_properties
from flows.domain.versions import (
    VERSIONS,
    ZOOKEEPER_DISTRIBUTION,
    ListenerLimit,
    Through,
    VersionName,
)
from tests.domain.samples import host_secrets, instance, wish

SIMPLE = "kafka.security.auth.SimpleAclAuthorizer"
NEWER = "kafka.security.authorizer.AclAuthorizer"

# key -> (1.1.0, 2.3.0, 2.7), None where a version must not have it.
DIFFERENT = {
    "authorizer.class.name": (SIMPLE, SIMPLE, NEWER),
    # TLS 1.3 breaks the inter-broker listener of 1.1.0 and 2.3.0 when it is on for all listeners.
    "ssl.enabled.protocols": ("TLSv1.2", "TLSv1.2", "TLSv1.2,TLSv1.3"),
    "inter.broker.protocol.version": (None, None, "2.5"),
    # 1.1.0 knows no such limit; 2.3.0 ignores it in its file and must be altered to it.
    "listener.name.private.max.connections": (None, None, "2000"),
    "listener.name.cross.max.connections": (None, None, "2000"),
    "listener.name.public.max.connections": (None, None, "2000"),
}
NOT_ON_1_1 = {
    "max.connections": "KIP-402, 2.3",
    "sasl.server.callback.handler.class": "KIP-86, 2.0",
    "connections.max.reauth.ms": "KIP-368, 2.2",
    "replica.selector.class": "KIP-392, 2.4",
    "config.providers": "KIP-297, 2.0",
}


def properties(version: str, **changes: object) -> dict[str, str]:
    """What broker 1 of an instance of this version reads."""
    whole = instance(
        wish(version=version, sasl_ssl=True, sasl_plain=True, first_user="alice", **changes)
    )
    broker = whole.brokers[0]
    return server_properties(whole, broker, host_secrets(whole, broker))


def test_versions_are_those_of_the_guide() -> None:
    assert [str(name) for name in VersionName] == ["1.1.0", "2.3.0", "2.7"]
    assert list(VERSIONS) == [str(name) for name in VersionName]
    assert all(VERSIONS[name].name == name for name in VERSIONS)


def test_2_7_is_the_newest_patch_with_a_distribution_of_its_own() -> None:
    version = wish().release
    assert (version.release, version.distribution) == ("2.7.2", "kafka-2.7.2")
    assert ZOOKEEPER_DISTRIBUTION == "zookeeper-3.8.6"


def test_every_version_has_jars_that_are_built_and_checked() -> None:
    needed = {version.distribution for version in VERSIONS.values()} | {ZOOKEEPER_DISTRIBUTION}
    assert needed == set(distributions.names())


@pytest.mark.parametrize("key", DIFFERENT)
def test_what_differs_is_written_for_each_version(key: str) -> None:
    assert tuple(properties(version).get(key) for version in VERSIONS) == DIFFERENT[key]


def test_everything_else_is_the_same_for_all_versions() -> None:
    seen = [properties(version) for version in VERSIONS]
    same = [{key: each[key] for key in each.keys() - DIFFERENT} for each in seen]
    assert same[0] == same[1] == same[2]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_logins_are_offered_by_every_version(version: str) -> None:
    found = properties(version)
    assert found["listener.name.private.sasl.enabled.mechanisms"] == "SCRAM-SHA-512,PLAIN"
    # A login module and no callback handler: it runs on 1.1.0 as well.
    plain = found["listener.name.private.plain.sasl.jaas.config"]
    assert plain.startswith("kafkafleet.PlainUsersLoginModule required ")


@pytest.mark.parametrize("key", NOT_ON_1_1)
def test_1_1_0_is_told_nothing_that_it_does_not_know(key: str) -> None:
    assert not [found for found in properties("1.1.0") if found.endswith(key)]


def test_who_is_asked_for_what() -> None:
    """KIP-183 (elections) came with 2.2, KIP-339 (altering one key) with 2.3."""
    asked = [(each.elections, each.broker_configs) for each in VERSIONS.values()]
    brokers, zookeeper = Through.BROKERS, Through.ZOOKEEPER
    assert asked == [(zookeeper, zookeeper), (brokers, brokers), (brokers, brokers)]


def test_what_becomes_of_a_listeners_limit() -> None:
    none, forgotten, kept = ListenerLimit
    assert [each.listener_limit for each in VERSIONS.values()] == [none, forgotten, kept]


def test_a_versions_own_settings_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        VERSIONS["2.7"].settings["more"] = "x"  # type: ignore[index]
