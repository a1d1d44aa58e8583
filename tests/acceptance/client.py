"""A client that knows nothing of the product: confluent-kafka alone, its wish on standard input.

Answers with JSON: for each thing that was tried `ok`, or the name of the error.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

LIMIT = 20.0
Settings = Mapping[str, str]


def produce_and_consume(settings: Settings, topic: str, messages: int) -> Any:
    """How many were acknowledged, and how many came back."""
    acknowledged: list[int] = []

    def report(error: KafkaError | None, message: Any) -> None:
        if error is None:
            acknowledged.append(message.offset())

    producer = Producer({**settings, "acks": "all", "enable.idempotence": True})
    for number in range(messages):
        producer.produce(topic, f"message {number}", on_delivery=report)
    producer.flush(LIMIT)
    return {"acknowledged": len(acknowledged), "consumed": _consume(settings, topic, messages)}


def _consume(settings: Settings, topic: str, messages: int) -> int:
    consumer = Consumer({**settings, "group.id": f"group-{topic}", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    consumed, deadline = 0, time.monotonic() + LIMIT
    while consumed < messages and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        consumed += int(message is not None and message.error() is None)
    consumer.commit(asynchronous=False)
    consumer.close()
    return consumed


def read_all(settings: Settings, topic: str, messages: int) -> int:
    """How many different messages a reader that knows nothing finds from the beginning on."""
    told = {"group.id": f"reader-{time.time()}", "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, **told})
    consumer.subscribe([topic])
    found: set[bytes] = set()
    deadline = time.monotonic() + LIMIT
    while len(found) < messages and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            found.add(message.value() or b"")
    consumer.close()
    return len(found)


def log_in(settings: Settings) -> str:
    """`ok`, or everything that the client was told."""
    told: list[KafkaError] = []
    connection: dict[str, Any] = {**settings, "error_cb": told.append}
    admin = AdminClient(connection)
    try:
        admin.list_topics(timeout=4)
    except KafkaException as error:
        admin.poll(1)
        return "; ".join(str(each) for each in [*told, error.args[0]])
    return "ok"


def log_in_everywhere(settings: Settings, mechanisms: Sequence[str]) -> dict[str, str]:
    """`ok`, `refused` or what else was told, for each broker and mechanism."""
    return {
        f"{server} {mechanism}": _first_word(
            {**settings, "bootstrap.servers": server, "sasl.mechanism": mechanism}
        )
        for server in settings["bootstrap.servers"].split(",")
        for mechanism in mechanisms
    }


def go_on(settings: Settings, seconds: float) -> str:
    """What became of one connection that asks something five times a second: `ok`, or the end."""
    told: list[KafkaError] = []
    connection: dict[str, Any] = {**settings, "error_cb": told.append}
    admin = AdminClient(connection)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(KafkaException):
            admin.list_topics(timeout=2)
        admin.poll(0.2)
        if any(error.code() == KafkaError._AUTHENTICATION for error in told):
            return "refused"
    return "ok"


def produce(settings: Settings, topic: str) -> str:
    """`ok`, or the name of the error with which one message was refused."""
    told: list[str] = []

    def report(error: KafkaError | None, _: Any) -> None:
        told.append("ok" if error is None else error.name())

    producer = Producer({**settings, "acks": "all", "message.timeout.ms": 15000})
    producer.produce(topic, "one message", on_delivery=report)
    producer.flush(LIMIT)
    return told[0] if told else "nothing was told"


def stay(settings: Settings, topic: str, seconds: float) -> str:
    """What became of one connection that reads five times a second: `ok`, or `closed` and by whom.

    No other one is tried: the first one that ends is the end.
    """
    told: list[KafkaError] = []
    consumer = Consumer({**settings, "group.id": "stays", "error_cb": told.append, "log_level": 0})
    consumer.assign([TopicPartition(topic, 0)])
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not told:
        consumer.poll(0.2)
    return f"closed: {told[0]}" if told else "ok"


def _first_word(settings: Settings) -> str:
    told: list[KafkaError] = []
    connection: dict[str, Any] = {**settings, "error_cb": told.append}
    admin = AdminClient(connection)
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            admin.list_topics(timeout=0.5)
        except KafkaException:
            admin.poll(0)
        else:
            return "ok"
        if any(error.code() == KafkaError._AUTHENTICATION for error in told):
            return "refused"
    return "; ".join(str(error) for error in told)


def create_topic(settings: Settings, topic: str) -> str:
    """A topic with three partitions and three replicas."""
    admin = AdminClient(dict(settings))
    return _outcome(lambda: admin.create_topics([NewTopic(topic, 3, 3)])[topic])


def try_everything(settings: Settings, others_topic: str) -> dict[str, str]:
    """What an ordinary user must not be able to do."""
    admin = AdminClient(dict(settings))
    broker = ConfigResource(ConfigResource.Type.BROKER, "1")
    broker.add_incremental_config(_entry("log.cleaner.threads", "2"))
    topic = ConfigResource(ConfigResource.Type.TOPIC, others_topic)
    topic.add_incremental_config(_entry("retention.ms", "1000"))
    acl = AclBinding(
        ResourceType.TOPIC,
        "mine",
        ResourcePatternType.LITERAL,
        "User:mallory",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    scram = UserScramCredentialUpsertion(
        "alice", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), b"Stolen-It-1"
    )
    emptied = TopicPartition(others_topic, 0, 1)
    older_broker = ConfigResource(ConfigResource.Type.BROKER, "1", {"log.cleaner.threads": "2"})
    older_topic = ConfigResource(ConfigResource.Type.TOPIC, others_topic, {"retention.ms": "1000"})
    tries: dict[str, Callable[[], Any]] = {
        "replace a broker's settings": lambda: admin.alter_configs([older_broker])[older_broker],
        "replace a topic's settings": lambda: admin.alter_configs([older_topic])[older_topic],
        "alter a broker": lambda: admin.incremental_alter_configs([broker])[broker],
        "create an ACL": lambda: admin.create_acls([acl])[acl],
        "change a user": lambda: admin.alter_user_scram_credentials([scram])["alice"],
        "alter a topic": lambda: admin.incremental_alter_configs([topic])[topic],
        "empty a topic": lambda: admin.delete_records([emptied])[emptied],
        "delete a topic": lambda: admin.delete_topics([others_topic])[others_topic],
    }
    found = {name: _outcome(attempt) for name, attempt in tries.items()}
    return {**found, "read offsets": _sight_of(admin, "__consumer_offsets")}


def knock(settings: Settings, connections: int) -> int:
    """How many connections that say nothing are still open 2 s after they were made."""
    host, _, port = settings["bootstrap.servers"].partition(",")[0].rpartition(":")
    made = [found for _ in range(connections) if (found := _connected(host, int(port)))]
    deadline = time.monotonic() + 2
    return sum(_stays(each, deadline) for each in made)


def _connected(host: str, port: int) -> socket.socket | None:
    try:
        return socket.create_connection((host, port), timeout=2)
    except OSError:
        return None


def _stays(connection: socket.socket, deadline: float) -> bool:
    connection.settimeout(max(deadline - time.monotonic(), 0.01))
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False


def _sight_of(admin: AdminClient, topic: str) -> str:
    error = admin.list_topics(topic, timeout=LIMIT).topics[topic].error
    return "ok" if error is None else str(error.name())


def _entry(name: str, value: str) -> ConfigEntry:
    return ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)


def _outcome(attempt: Callable[[], Any]) -> str:
    try:
        attempt().result(timeout=LIMIT)
    except KafkaException as error:
        return str(error.args[0].name())
    return "ok"


VERBS: dict[str, Callable[..., Any]] = {
    "produce_and_consume": produce_and_consume,
    "read_all": read_all,
    "log_in": log_in,
    "log_in_everywhere": log_in_everywhere,
    "go_on": go_on,
    "knock": knock,
    "stay": stay,
    "produce": produce,
    "create_topic": create_topic,
    "try_everything": try_everything,
}

if __name__ == "__main__":
    wish = json.load(sys.stdin)
    print(json.dumps(VERBS[wish.pop("verb")](**wish)))
