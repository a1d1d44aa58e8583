"""What the adapters must do for users: logins, permissions, sizes; the real ones and the fakes."""

from __future__ import annotations

import time

from flows.adapters.site import Kafka, ZooKeeper
from flows.domain.cluster import Login, NewTopic, Permission
from flows.domain.instance import Instance
from flows.domain.permissions import user_path
from flows.domain.scram import scram_value

RIGHT, WRONG = "Contract-Words-1", "Contract-Words-2"
SOON_SECONDS = 15.0


def users_contract(kafka: Kafka, zookeeper: ZooKeeper, instance: Instance) -> None:
    """All brokers run with SASL_SSL, and nobody is called `carol` yet."""
    scram = {"SCRAM-SHA-512": scram_value(RIGHT, b"salt-of-the-contract")}
    assert not _accepted(kafka, instance, RIGHT)
    assert zookeeper.merge_config(instance, user_path("carol"), {"producer_byte_rate": "1000"})
    assert zookeeper.merge_config(instance, user_path("carol"), scram)
    assert not zookeeper.merge_config(instance, user_path("carol"), scram)
    zookeeper.announce(instance, "users/carol")
    _soon(kafka, instance, RIGHT, wished=True)
    assert not _accepted(kafka, instance, WRONG)
    assert zookeeper.remove(instance, user_path("carol"))
    assert not zookeeper.remove(instance, user_path("carol"))
    zookeeper.announce(instance, "users/carol")
    _soon(kafka, instance, RIGHT, wished=False)


def revoking_contract(kafka: Kafka, instance: Instance) -> None:
    """All brokers run, and no topic is called `shared` yet."""
    brokers = tuple(broker.id for broker in instance.brokers)
    kafka.create_topic(instance, NewTopic("shared", {0: brokers}))
    carol, dave = Permission("User:carol", "Read"), Permission("User:dave", "Write", "10.0.0.1")
    kafka.grant(instance, "shared", [carol, dave])
    assert set(kafka.permissions(instance)["shared"]) == {carol, dave}
    kafka.revoke(instance, "User:carol")
    kafka.revoke(instance, "User:nobody")
    assert kafka.permissions(instance)["shared"] == (dave,)
    kafka.revoke(instance, "User:dave")
    assert "shared" not in kafka.permissions(instance)


def replicas_contract(kafka: Kafka, instance: Instance) -> None:
    """All brokers run, and no topic is called `sized` yet."""
    brokers = tuple(broker.id for broker in instance.brokers)
    kafka.create_topic(instance, NewTopic("sized", {0: brokers, 1: brokers[:1]}))
    kafka.round_trip(instance, "sized", 20)
    found = [each for each in kafka.replicas(instance) if each.topic == "sized"]
    assert {(each.partition, each.broker) for each in found} == {
        *((0, broker) for broker in brokers),
        (1, brokers[0]),
    }
    assert all(each.bytes > 0 for each in found if each.broker == brokers[0])


def _accepted(kafka: Kafka, instance: Instance, password: str) -> bool:
    login = Login("carol", password, "SCRAM-SHA-512")
    return all(kafka.accepts(instance, broker, login) for broker in instance.brokers)


def _soon(kafka: Kafka, instance: Instance, password: str, *, wished: bool) -> None:
    deadline = time.monotonic() + SOON_SECONDS
    while _accepted(kafka, instance, password) is not wished:
        assert time.monotonic() < deadline, f"brokers never answered {wished}"
        time.sleep(0.1)
