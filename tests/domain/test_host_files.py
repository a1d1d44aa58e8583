"""The files of a host: which there are, who may read them, and that secrets stay in their place."""

from __future__ import annotations

import pytest
from hypothesis import given

from flows.domain import paths
from flows.domain.host_files import HostFile, host_files, host_units
from flows.domain.instance import Instance
from tests.domain.samples import SELDOM, host_secrets, instance, instances, secret_texts, wish

SECURED = instance(wish(brokers=4, sasl_ssl=True, sasl_plain=True, first_user="alice"))


def files(whole: Instance, number: int) -> dict[str, HostFile]:
    """The files of one host by their path."""
    broker = whole.brokers[number - 1]
    found = host_files(whole, broker, host_secrets(whole, broker))
    assert len({file.path for file in found}) == len(found), "two files have one path"
    return {file.path: file for file in found}


@SELDOM
@given(instances())
def test_no_secret_stands_in_a_file_that_others_may_read(whole: Instance) -> None:
    for broker in whole.brokers:
        secrets = host_secrets(whole, broker)
        texts = secret_texts(secrets)
        stores = {s.keystore.content for s in secrets.stores.values()}
        for file in host_files(whole, broker, secrets):
            if not file.secret:
                content = str(file.content)
                assert not [text for text in texts if text in content], file.path
                assert file.content not in stores


@SELDOM
@given(instances())
def test_secret_files_are_exactly_those_of_the_private_directory(whole: Instance) -> None:
    for broker in whole.brokers:
        for path, file in files(whole, broker.id).items():
            private = path.startswith(f"{paths.PRIVATE}/")
            assert file.secret == private, path
            wanted = ("kafka", "0400") if private else (file.owner, "0644")
            assert (file.owner, file.mode) == wanted, path


def test_a_host_of_the_ensemble_holds_kafka_zookeeper_and_the_firewall() -> None:
    assert set(files(SECURED, 1)) == {
        "/etc/kafka-fleet/firewall.nft",
        "/etc/systemd/system/kafka-fleet-firewall.service",
        "/etc/kafka-fleet/kafka-log4j.properties",
        "/etc/systemd/system/kafka.service",
        "/etc/systemd/journald.conf.d/kafka-fleet.conf",
        "/etc/kafka-fleet/private/server.properties",
        "/etc/kafka-fleet/private/kafka.jaas",
        "/etc/kafka-fleet/private/plain.users",
        "/etc/kafka-fleet/private/sessions",
        "/etc/kafka-fleet/private/revoked.serials",
        *(
            f"/etc/kafka-fleet/private/{name}-1f.p12"
            for name in ("internal", "control", "private", "cross", "trust")
        ),
        *ZOOKEEPERS,
    }


ZOOKEEPERS = {
    "/etc/kafka-fleet/zoo.cfg",
    "/etc/kafka-fleet/zookeeper-logback.xml",
    "/etc/systemd/system/zookeeper.service",
    "/srv/kafka/zookeeper/myid",
    "/etc/kafka-fleet/private/zookeeper.jaas",
}


def test_a_host_beyond_the_ensemble_has_nothing_of_zookeeper() -> None:
    assert set(files(SECURED, 1)) - set(files(SECURED, 4)) == ZOOKEEPERS
    assert host_units(SECURED.brokers[3]) == ("kafka-fleet-firewall.service", "kafka.service")


def test_units_start_with_the_firewall_first() -> None:
    assert host_units(SECURED.brokers[0]) == (
        "kafka-fleet-firewall.service",
        "zookeeper.service",
        "kafka.service",
    )


def test_every_unit_is_a_file_of_its_host() -> None:
    for broker in SECURED.brokers:
        units = {f"/etc/systemd/system/{name}" for name in host_units(broker)}
        assert units <= set(files(SECURED, broker.id))


def test_properties_name_only_files_that_are_delivered() -> None:
    found = files(SECURED, 1)
    named = [
        line.partition("=")[2]
        for line in str(found[paths.SERVER_PROPERTIES].content).splitlines()
        if ".location=" in line
    ]
    assert named
    assert set(named) <= set(found)


def test_without_sasl_clients_need_no_certificate() -> None:
    stores = [path for path in files(instance(), 1) if path.endswith(".p12")]
    assert sorted(stores) == [
        f"/etc/kafka-fleet/private/{name}-1f.p12" for name in ("control", "internal", "trust")
    ]


@SELDOM
@given(instances())
def test_the_same_instance_and_secrets_give_the_same_files(whole: Instance) -> None:
    """Only so are digests comparable: a second delivery changes nothing."""
    for broker in whole.brokers:
        secrets = host_secrets(whole, broker)
        assert host_files(whole, broker, secrets) == host_files(whole, broker, secrets)


@pytest.mark.parametrize("path", [paths.SERVER_PROPERTIES, paths.PLAIN_USERS])
def test_files_and_secrets_can_be_logged_without_showing_anything(path: str) -> None:
    secrets = host_secrets(SECURED, SECURED.brokers[0])
    shown = f"{files(SECURED, 1)[path]!r} {secrets!r} {secrets.stores!r}"
    assert path in shown
    assert not [text for text in secret_texts(secrets) if text in shown]
