"""Clients come in by certificates while mutual TLS is on; passwords come back, nobody restarts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows.domain.cluster import Permission
from tests.acceptance.certified import (
    by_certificate,
    certificate_of,
    switch_mutual_tls,
    without_certificate,
)
from tests.acceptance.parts import Demo, client, java, python_sample, unpack_jars
from tests.acceptance.plane import Plane, wait_until

OPERATIONS = ("Read", "Write", "Describe", "DescribeConfigs")


@pytest.fixture(scope="module")
def lan(plane: Plane, demo: Demo) -> str:
    """A client's place in the network of the instance."""
    return plane.lab.client("lan").netns


@pytest.fixture(scope="module", autouse=True)
def nobody_restarts(plane: Plane, demo: Demo) -> Iterator[None]:
    """Every broker's process is the same before and after all that happens here."""
    before = _starts(plane, demo)
    assert None not in before
    yield
    assert _starts(plane, demo) == before


@pytest.fixture(scope="module")
def robert(plane: Plane, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a certificate of robert's, who is no user with a password."""
    return certificate_of(plane, "robert", tmp_path_factory.mktemp("robert") / "bundle")


@pytest.fixture(scope="module")
def carla(plane: Plane, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a certificate of carla's."""
    return certificate_of(plane, "carla", tmp_path_factory.mktemp("carla") / "bundle")


@pytest.fixture(scope="module", autouse=True)
def mutual(plane: Plane, demo: Demo, lan: str, robert: Path, carla: Path) -> Iterator[None]:
    """It is on meanwhile, and off at the end, when alice's password counts again."""
    assert client(lan, verb="log_in", settings=demo.settings()) == "ok"
    switch_mutual_tls(plane, "on")
    yield
    switch_mutual_tls(plane, "off")
    assert client(lan, verb="log_in", settings=demo.settings()) == "ok"
    assert client(lan, verb="log_in", settings=_settings(demo, robert)) != "ok"
    again = plane.ask("set-mutual-tls", "instance=demo", "mutual_tls=off")
    assert "nothing to do" in again


def test_who_was_connected_is_named_in_the_history(plane: Plane) -> None:
    (done,) = [
        line for line in plane.doors.records.history("demo") if "cut_off" in (line.result or {})
    ]
    assert "alice" in done.result["cut_off"]
    refused = plane.refused("set-mutual-tls", "instance=demo", "mutual_tls=off")
    assert "every client has to change at once" in refused


def test_confluent_kafka_comes_in_by_its_certificate(demo: Demo, lan: str, robert: Path) -> None:
    settings = _settings(demo, robert)
    assert client(lan, verb="create_topic", settings=settings, topic="certified") == "ok"
    answer = client(
        lan, verb="produce_and_consume", settings=settings, topic="certified", messages=30
    )
    assert answer == {"acknowledged": 30, "consumed": 30}


def test_nobody_else_comes_in(demo: Demo, lan: str, robert: Path) -> None:
    without = without_certificate(demo.settings()["bootstrap.servers"], robert)
    assert client(lan, verb="log_in", settings=without) != "ok"
    assert client(lan, verb="log_in", settings=demo.settings()) != "ok"


def test_the_samples_of_the_bundle_run_as_they_are(lan: str, robert: Path) -> None:
    python_sample(lan, robert, "certified")


def test_kafkas_console_tools_come_in_by_the_key_store(
    demo: Demo, lan: str, robert: Path, scratch: Path
) -> None:
    libs = unpack_jars(demo, scratch)
    settings = _settings(demo, robert)
    assert client(lan, verb="create_topic", settings=settings, topic="from-java") == "ok"
    topic = ("--bootstrap-server", settings["bootstrap.servers"], "--topic", "from-java")
    producer = ("kafka.tools.ConsoleProducer", *topic, "--producer.config")
    sent = java(
        demo, lan, libs, *producer, "java/producer.properties", text="from Java\n", bundle=robert
    )
    assert "ERROR" not in sent
    reading = ("--from-beginning", "--max-messages", "1", "--timeout-ms", "30000")
    read = java(
        demo,
        lan,
        libs,
        "kafka.tools.ConsoleConsumer",
        *topic,
        *reading,
        "--consumer.config",
        "java/consumer.properties",
        bundle=robert,
    )
    assert "from Java" in read.splitlines()


def test_permissions_see_the_common_name(
    plane: Plane, demo: Demo, lan: str, robert: Path, carla: Path
) -> None:
    granted = [Permission("User:robert", operation) for operation in OPERATIONS]
    assert client(lan, verb="create_topic", settings=_settings(demo, robert), topic="his") == "ok"
    plane.doors.kafka.grant(demo.instance, "his", granted)
    assert client(lan, verb="produce", settings=_settings(demo, robert), topic="his") == "ok"
    others = client(lan, verb="produce", settings=_settings(demo, carla), topic="his")
    assert others == "TOPIC_AUTHORIZATION_FAILED"
    plane.doors.kafka.revoke(demo.instance, "User:robert")


def test_a_revoked_certificate_is_refused_and_its_connection_ends_while_others_stay(
    plane: Plane, demo: Demo, lan: str, robert: Path, carla: Path
) -> None:
    with ThreadPoolExecutor() as pool:
        stays, ends = (
            pool.submit(
                client,
                lan,
                limit=500,
                verb="stay",
                settings=_settings(demo, bundle),
                topic="certified",
                seconds=seconds,
            )
            for bundle, seconds in ((robert, 45), (carla, 400))
        )
        wait_until(lambda: _is_reading(plane, demo, {"robert", "carla"}), "both are connected")
        plane.ask("revoke-client-certificate", "instance=demo", "user=carla")
        assert ends.result().startswith("closed")
        assert stays.result() == "ok"
    assert client(lan, verb="log_in", settings=_settings(demo, carla)) != "ok"
    assert client(lan, verb="log_in", settings=_settings(demo, robert)) == "ok"
    states = {line["user"]: line["state"] for line in plane.json("client-certificates", "demo")}
    assert states == {"robert": "handed out", "carla": "revoked"}


def _settings(demo: Demo, bundle: Path) -> dict[str, str]:
    return by_certificate(demo.settings()["bootstrap.servers"], bundle)


def _is_reading(plane: Plane, demo: Demo, users: set[str]) -> bool:
    """Whether each of them asked some broker for something just now."""
    hosts = plane.doors.hosts(demo.instance.id)
    told = [hosts.clients(machine) for machine in plane.instance_machines("demo")]
    return users <= {each.user for seen in told for each in seen if each.seconds_ago < 2}


def _starts(plane: Plane, demo: Demo) -> list[float | None]:
    hosts = plane.doors.hosts(demo.instance.id)
    states = [hosts.observe(machine) for machine in plane.instance_machines("demo")]
    return [state.kafka_started if state else None for state in states]
