"""Clients that the product did not write: confluent-kafka and Kafka's own console tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.parts import PASSWORD, Demo, client, java, python_sample, unpack_jars
from tests.acceptance.plane import Plane

WRONG_PASSWORD = "Authentication failed"
CONSOLE_LIMIT_MS = "30000"


@pytest.fixture(scope="module")
def lan(plane: Plane, demo: Demo) -> str:
    """A client's place in the network of the instance."""
    return plane.lab.client("lan").netns


def test_confluent_kafka_produces_and_consumes(demo: Demo, lan: str) -> None:
    settings = demo.settings()
    assert client(lan, verb="create_topic", settings=settings, topic="orders") == "ok"
    answer = client(lan, verb="produce_and_consume", settings=settings, topic="orders", messages=30)
    assert answer == {"acknowledged": 30, "consumed": 30}


def test_plain_works_beside_scram(demo: Demo, lan: str) -> None:
    settings = demo.settings() | {"sasl.mechanism": "PLAIN"}
    assert client(lan, verb="log_in", settings=settings) == "ok"
    wrong = settings | {"sasl.password": "Wrong-Words-42"}
    assert WRONG_PASSWORD in client(lan, verb="log_in", settings=wrong)


def test_a_wrong_password_is_refused(demo: Demo, lan: str) -> None:
    settings = demo.settings(password="Wrong-Words-42")
    assert WRONG_PASSWORD in client(lan, verb="log_in", settings=settings)


def test_a_client_without_tls_is_refused(demo: Demo, lan: str) -> None:
    addresses = demo.settings()["bootstrap.servers"]
    settings = {"bootstrap.servers": addresses, "security.protocol": "PLAINTEXT"}
    assert client(lan, verb="log_in", settings=settings) != "ok"


def test_kafkas_console_tools_work_with_the_bundle(demo: Demo, lan: str, scratch: Path) -> None:
    libs = unpack_jars(demo, scratch)
    topic = ("--bootstrap-server", demo.settings()["bootstrap.servers"], "--topic", "console")
    console = "console/client.properties"
    assert client(lan, verb="create_topic", settings=demo.settings(), topic="console") == "ok"
    sent = java(
        demo,
        lan,
        libs,
        "kafka.tools.ConsoleProducer",
        *topic,
        "--producer.config",
        "java/producer.properties",
        text="one\ntwo\nthree\n",
    )
    assert "ERROR" not in sent
    read = java(
        demo,
        lan,
        libs,
        "kafka.tools.ConsoleConsumer",
        *topic,
        "--from-beginning",
        "--max-messages",
        "3",
        "--timeout-ms",
        CONSOLE_LIMIT_MS,
        "--consumer.config",
        console,
    )
    assert sorted(line for line in read.splitlines() if line) == ["one", "three", "two"]


def test_the_python_sample_runs_as_it_is(demo: Demo, lan: str, scratch: Path) -> None:
    password = scratch / "password"
    password.write_text(PASSWORD)
    python_sample(lan, demo.bundle, "orders", "--password-file", str(password))


@pytest.mark.slow
def test_the_java_sample_runs_as_it_is(demo: Demo, lan: str, scratch: Path) -> None:
    libs = unpack_jars(demo, scratch)
    assert client(lan, verb="create_topic", settings=demo.settings(), topic="from-sample") == "ok"
    for verb, word in (("produce", "delivered: "), ("consume", "received: ")):
        said = java(demo, lan, libs, "java/Client.java", verb, "from-sample")
        assert len([line for line in said.splitlines() if line.startswith(word)]) == 10
