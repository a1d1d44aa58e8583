"""One real broker, asked as its super user and used as a client; refusals by their text."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from flows.adapters.kafka import ConfluentKafka, Credentials
from flows.adapters.kafka.connection import client_settings, control_settings, conversation
from flows.adapters.kafka.round_trip import Place, read_back, send
from flows.adapters.kafka.through_zookeeper import Nodes
from flows.adapters.zookeeper import KazooZooKeeper
from flows.domain.cluster import PROBE_TOPIC, Login, NewTopic
from flows.domain.errors import EffectFailed
from flows.domain.permissions import OPEN_TOPIC
from flows.domain.versions import VersionName
from tests.adapters.contracts import (
    groups_contract,
    kafka_contract,
    kafka_refusals_contract,
    reassignment_contract,
    until,
)
from tests.adapters.contracts_users import replicas_contract, revoking_contract, users_contract
from tests.adapters.kafka_on_loopback import (
    Loopback,
    an_instance,
    free_address,
    kafka_on_loopback,
)

NO_ZOOKEEPER = KazooZooKeeper(lambda _: ("nobody", ""))
NO_CREDENTIALS = Credentials("", "", "", None, "__fleet_probe", None)


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    with kafka_on_loopback() as running:
        yield running


@pytest.fixture(scope="module")
def orders(loopback: Loopback) -> str:
    """A topic of two partitions for everybody."""
    loopback.kafka.create_topic(loopback.instance, NewTopic("orders", {0: (1,), 1: (1,)}))
    loopback.kafka.grant(loopback.instance, "orders", OPEN_TOPIC)
    return "orders"


@pytest.mark.lab
def test_keeps_the_contract_of_kafka_with_logins(loopback: Loopback) -> None:
    kafka_contract(loopback.kafka, loopback.instance, "secured")


@pytest.mark.lab
def test_keeps_the_contract_of_kafka_without_logins(loopback: Loopback) -> None:
    kafka_contract(loopback.kafka, loopback.open_instance, "open")


@pytest.mark.lab
def test_keeps_the_contract_of_reassignments(loopback: Loopback) -> None:
    reassignment_contract(loopback.kafka, loopback.zookeeper, loopback.instance)


@pytest.mark.lab
def test_groups_are_told_with_what_they_read_or_have_committed(
    loopback: Loopback, orders: str
) -> None:
    assert_groups_told(loopback, orders)


@pytest.mark.lab
def test_keeps_the_contracts_of_users(loopback: Loopback) -> None:
    users_contract(loopback.kafka, loopback.zookeeper, loopback.instance)
    revoking_contract(loopback.kafka, loopback.instance)
    replicas_contract(loopback.kafka, loopback.instance)


@pytest.mark.lab
def test_a_login_at_a_broker_that_is_silent_is_no_refusal() -> None:
    instance = an_instance(free_address(), sasl_ssl=True)
    silent = _impatient(replace(NO_CREDENTIALS, clients_ca_pem=None))
    with pytest.raises(EffectFailed, match="the login of carol at broker 1 failed"):
        silent.accepts(instance, instance.brokers[0], Login("carol", "Any-Words-1", "PLAIN"))


@pytest.mark.lab
def test_keeps_the_contract_of_refusals(loopback: Loopback) -> None:
    kafka_refusals_contract(_impatient(loopback.credentials), loopback.instance)


@pytest.mark.lab
def test_a_broker_applies_what_it_is_told_and_keeps_what_it_was_told_before(
    loopback: Loopback,
) -> None:
    assert_altered(loopback)


@pytest.mark.lab
def test_a_broker_refuses_a_setting_that_cannot_change_while_it_runs(loopback: Loopback) -> None:
    with pytest.raises(EffectFailed, match=r"altering broker 1 failed: .*broker\.rack"):
        loopback.kafka.alter_broker(loopback.instance, 1, {"broker.rack": "elsewhere"})


@pytest.mark.lab
@pytest.mark.slow
@pytest.mark.parametrize("version", [VersionName.V1_1, VersionName.V2_3])
def test_older_versions_keep_the_same_contracts(version: str) -> None:
    with kafka_on_loopback(version) as older:
        kafka_contract(older.kafka, older.instance, "secured")
        kafka_contract(older.kafka, older.open_instance, "open")
        kafka_refusals_contract(_impatient(older.credentials, older.zookeeper), older.instance)
        users_contract(older.kafka, older.zookeeper, older.instance)
        revoking_contract(older.kafka, older.instance)
        replicas_contract(older.kafka, older.instance)
        assert_altered(older)
        older.kafka.create_topic(older.instance, NewTopic("orders", {0: (1,), 1: (1,)}))
        assert_groups_told(older, "orders")
        with pytest.raises(EffectFailed, match="Topic authorization failed"):
            older.kafka.round_trip(older.instance, "__consumer_offsets", 1)


@pytest.mark.lab
def test_the_probe_goes_through_its_own_topic(loopback: Loopback) -> None:
    topic = NewTopic(PROBE_TOPIC, {0: (1,)}, {"min.insync.replicas": "1"})
    loopback.kafka.create_topic(loopback.instance, topic)
    found = loopback.kafka.round_trip(loopback.instance, PROBE_TOPIC, 5)
    assert found.received == 5
    assert 0 < found.seconds_to_first_ack < 20


@pytest.mark.lab
def test_others_do_not_get_through_the_topic_of_the_probe(loopback: Loopback) -> None:
    loopback.kafka.create_topic(loopback.instance, NewTopic(PROBE_TOPIC, {0: (1,)}))
    with pytest.raises(EffectFailed, match="Topic authorization failed"):
        loopback.kafka.round_trip(loopback.open_instance, PROBE_TOPIC, 1)


@pytest.mark.lab
def test_messages_reach_every_partition(loopback: Loopback, orders: str) -> None:
    before = _ends(loopback, orders)
    loopback.kafka.round_trip(loopback.instance, orders, 7)
    after = _ends(loopback, orders)
    assert [end - start for start, end in zip(before, after, strict=True)] == [7, 7]


@pytest.mark.lab
def test_a_topic_keeps_the_configuration_it_was_made_with(loopback: Loopback) -> None:
    with pytest.raises(EffectFailed, match="Unknown topic config name: colour"):
        loopback.kafka.create_topic(
            loopback.instance, NewTopic("colourful", {0: (1,)}, {"colour": "red"})
        )
    assert "colourful" not in loopback.kafka.cluster(loopback.instance).topics


@pytest.mark.lab
def test_a_wrong_password_is_refused(
    loopback: Loopback, orders: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kafka = _impatient(replace(loopback.credentials, probe_password="Not-the-one-1"))
    with pytest.raises(EffectFailed, match="SASL authentication error") as refused:
        kafka.round_trip(loopback.instance, orders, 1)
    assert "Not-the-one-1" not in str(refused.value)
    assert str(refused.value).startswith("Kafka of on-loopback: a round trip through topic orders")
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == "", "librdkafka's own lines"


@pytest.mark.lab
def test_a_broker_of_another_authority_is_not_trusted(loopback: Loopback, orders: str) -> None:
    credentials = loopback.credentials
    kafka = _impatient(
        replace(
            credentials,
            internal_ca_pem=str(credentials.clients_ca_pem),
            clients_ca_pem=credentials.internal_ca_pem,
        )
    )
    with pytest.raises(EffectFailed, match="certificate verify failed"):
        kafka.cluster(loopback.instance)
    with pytest.raises(EffectFailed, match="certificate verify failed"):
        kafka.round_trip(loopback.instance, orders, 1)


@pytest.mark.lab
def test_a_broker_whose_certificate_has_another_name_is_not_trusted(loopback: Loopback) -> None:
    broker = loopback.instance.brokers[0]
    same_host_by_another_name = str(int(IPv4Address(str(broker.address))))
    renamed = replace(broker, address=same_host_by_another_name)
    with pytest.raises(EffectFailed, match="certificate verify failed"):
        _impatient(loopback.credentials).cluster(replace(loopback.instance, brokers=(renamed,)))


@pytest.mark.lab
def test_a_message_that_came_back_different_is_told(loopback: Loopback, orders: str) -> None:
    sent = _send(loopback, orders)
    partition, offset = min(sent)
    with pytest.raises(EffectFailed) as failed:
        _read_back(loopback, orders, {**sent, (partition, offset): b"another"})
    assert str(failed.value) == (
        f"Kafka of on-loopback: reading failed: offset {offset} of partition {partition} holds "
        "another message than was sent"
    )


@pytest.mark.lab
def test_a_message_that_does_not_come_back_is_told(loopback: Loopback, orders: str) -> None:
    sent = _send(loopback, orders)
    never = (0, max(offset for _, offset in sent) + 100)
    with pytest.raises(EffectFailed, match="1 of 3 messages did not come back in 1 s"):
        _read_back(loopback, orders, {**sent, never: b"never sent"})


@pytest.mark.lab
def test_kafkas_own_topics_are_closed_to_clients(loopback: Loopback, orders: str) -> None:
    loopback.kafka.round_trip(loopback.instance, orders, 1)
    with pytest.raises(EffectFailed, match="Topic authorization failed"):
        loopback.kafka.round_trip(loopback.instance, "__consumer_offsets", 1)


def test_a_cluster_that_is_not_there_fails_in_time(capfd: pytest.CaptureFixture[str]) -> None:
    instance = an_instance(free_address(), sasl_ssl=False)
    since = time.monotonic()
    with pytest.raises(EffectFailed, match="Connection refused"):
        _impatient(NO_CREDENTIALS).round_trip(instance, "any", 1)
    assert time.monotonic() - since < 4
    assert capfd.readouterr().err == ""


def test_a_cluster_without_addresses_fails_at_once() -> None:
    instance = an_instance(free_address(), sasl_ssl=True)
    instance = replace(instance, brokers=(replace(instance.brokers[0], address=None),))
    sentence = "Kafka of on-loopback: no broker has a CONTROL address yet"
    with pytest.raises(EffectFailed, match=sentence):
        _impatient(NO_CREDENTIALS).cluster(instance)


def test_a_key_that_is_none_fails_in_one_sentence() -> None:
    instance = an_instance(free_address(), sasl_ssl=True)
    broken = replace(NO_CREDENTIALS, control_key_pem="no key")
    with pytest.raises(EffectFailed, match="not in PEM format") as failed:
        _impatient(broken).cluster(instance)
    assert "no key" not in str(failed.value)


def test_secrets_are_not_shown_with_the_credentials() -> None:
    shown = repr(replace(NO_CREDENTIALS, control_key_pem="KEY-1", probe_password="WORD-1"))
    assert "KEY-1" not in shown
    assert "WORD-1" not in shown


def assert_altered(running: Loopback) -> None:
    """Two settings told one after the other are both in force a moment later."""
    for key, value in (("num.io.threads", "6"), ("log.cleaner.threads", "2")):
        running.kafka.alter_broker(running.instance, 1, {key: value})
    wished, deadline = {"num.io.threads": "6", "log.cleaner.threads": "2"}, time.monotonic() + 10
    while _settings(running, wished) != wished:
        assert time.monotonic() < deadline, _settings(running, wished)
        time.sleep(0.1)


def assert_groups_told(running: Loopback, topic: str) -> None:
    """A group that reads is told with its topic; one that is away with what it has committed."""
    groups_contract(running.kafka, running.instance)
    settings = dict(control_settings(running.instance, running.credentials, 4))
    reader = Consumer({**settings, "group.id": "reader"})
    committer = Consumer({**settings, "group.id": "committer"})
    try:
        reader.subscribe([topic])
        until(lambda: reader.poll(0.1) is not None or bool(reader.assignment()))
        committer.commit(offsets=[TopicPartition(topic, 1, 0)], asynchronous=False)
        found = running.kafka.groups(running.instance)
        assert found["reader"] == found["committer"] == {topic}
    finally:
        reader.close()
        committer.close()


def _settings(running: Loopback, keys: Collection[str]) -> dict[str, str]:
    admin = AdminClient(dict(control_settings(running.instance, running.credentials, 4)))
    broker = ConfigResource(ConfigResource.Type.BROKER, "1")
    found = admin.describe_configs([broker])[broker].result(timeout=10)
    return {key: found[key].value for key in keys}


def _impatient(credentials: Credentials, zookeeper: Nodes = NO_ZOOKEEPER) -> ConfluentKafka:
    return ConfluentKafka(lambda _: credentials, zookeeper, limit_seconds=1)


def _send(loopback: Loopback, topic: str) -> dict[Place, bytes]:
    settings = client_settings(loopback.instance, loopback.credentials)
    with conversation(loopback.instance, "sending") as heard:
        return send(heard, settings, topic, 1, limit=5).values


def _read_back(loopback: Loopback, topic: str, sent: Mapping[Place, bytes]) -> None:
    settings = client_settings(loopback.instance, loopback.credentials)
    with conversation(loopback.instance, "reading") as heard:
        read_back(heard, settings, topic, sent, limit=1)


def _ends(loopback: Loopback, topic: str) -> list[int]:
    address = loopback.instance.brokers[0].address
    consumer = Consumer({"bootstrap.servers": f"{address}:9092", "group.id": "ends"})
    try:
        partitions = [TopicPartition(topic, number) for number in (0, 1)]
        return [consumer.get_watermark_offsets(each, timeout=10)[1] for each in partitions]
    finally:
        consumer.close()
