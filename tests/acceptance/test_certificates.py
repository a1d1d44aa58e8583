"""Certificates are replaced under load: clients that trust only the old authority, or only the new.

The clients were not written here: librdkafka in a program of its own, and Java's console producer.
No broker restarts: every process is the same before and after.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from certs.client_settings import TRUSTSTORE_PASSWORD
from certs.stores import client_truststore
from tests.acceptance.parts import NAMES_FROM_A_FILE, PASSWORD, Demo, Secured, client, unpack_jars
from tests.acceptance.plane import Plane
from tests.acceptance.under_load import assert_nothing_lost, engine, load, spread_topic, started


@dataclass(frozen=True)
class Trusting(Secured):
    """The instance as a client sees it that trusts one authority alone."""

    authority: Path

    def settings(self, user: str = "alice", password: str = PASSWORD) -> dict[str, str]:
        """A librdkafka client's connection."""
        return {**super().settings(user, password), "ssl.ca.location": str(self.authority)}


@pytest.fixture(scope="module", autouse=True)
def nobody_restarts(plane: Plane, demo: Demo) -> Iterator[None]:
    """Every broker's process is the same before and after all that happens here."""
    before = started(plane, demo)
    assert None not in before.values()
    yield
    assert started(plane, demo) == before


@pytest.fixture(scope="module")
def old(plane: Plane, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Trusting:
    """Who trusts the authority from before."""
    return _trusting(plane, demo, tmp_path_factory.mktemp("old"), newest=False)


def test_clients_of_either_authority_go_on_until_the_old_one_is_dropped(
    plane: Plane, demo: Demo, old: Trusting, tmp_path: Path
) -> None:
    topics = [spread_topic(plane, demo, name) for name in ("trusts-old", "trusts-new", "java")]
    with _java_producer(plane, old, topics[2], tmp_path) as java:
        with load(plane, old, topics[0]) as of_old:
            plane.ask("replace-certificates", "instance=demo")
            _replace_authority_while_killed(plane)
            new = _trusting(plane, demo, tmp_path, newest=True)
            with load(plane, new, topics[1]) as of_new:
                assert _logins(plane, old) == {"ok"}, "also at new connections"
                plane.ask("replace-certificates", "instance=demo")
        assert_nothing_lost(of_old.answer)
        assert_nothing_lost(of_new.answer)
    assert java.errors == ""
    lan = plane.lab.client("lan").netns
    found = client(
        lan,
        verb="read_all",
        settings=new.settings(),
        topic=topics[2],
        messages=java.written,
    )
    assert found == java.written > 100


def test_after_the_drop_only_the_new_authority_is_let_in(
    plane: Plane, demo: Demo, old: Trusting, tmp_path: Path
) -> None:
    early = plane.refused("finish-certificate-overlap", "instance=demo")
    assert "clients may trust the old authority until" in early
    new = _trusting(plane, demo, tmp_path, newest=True)
    topic = spread_topic(plane, demo, "dropped")
    with load(plane, new, topic) as of_new:
        plane.ask("finish-certificate-overlap", "instance=demo", "before_its_date=true")
    assert_nothing_lost(of_new.answer)
    assert _logins(plane, new) == {"ok"}
    lan = plane.lab.client("lan").netns
    assert "certificate verify failed" in client(lan, verb="log_in", settings=old.settings())
    again = plane.ask("finish-certificate-overlap", "instance=demo")
    assert "nothing to do" in again
    demo.forget_bundle()


def _replace_authority_while_killed(plane: Plane) -> None:
    """The engine dies once one broker serves the new certificates, and somebody else goes on."""
    wish = ("run", "replace-certificates", "instance=demo", "scope=authority")
    process = plane.start(*wish)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().startswith("broker 1: serve its certificates"):
            os.kill(engine(plane, "demo"), signal.SIGKILL)
            break
    process.communicate(timeout=300)
    plane.succeeds(*wish)


def _trusting(plane: Plane, demo: Demo, directory: Path, *, newest: bool) -> Trusting:
    """A client with the newest authority of the bundle alone, or with the oldest."""
    bundle = directory / "their-bundle"
    plane.succeeds("bundle", "demo", "-o", str(bundle))
    pems = (bundle / "phy_ca.crt").read_text().split("-----BEGIN")[1:]
    authority = directory / "trusted.pem"
    authority.write_text(f"-----BEGIN{pems[-1 if newest else 0]}")
    return Trusting(plane, directory, demo.name, authority)


def _logins(plane: Plane, trusting: Trusting) -> set[str]:
    lan = plane.lab.client("lan").netns
    found = client(
        lan, verb="log_in_everywhere", settings=trusting.settings(), mechanisms=["SCRAM-SHA-512"]
    )
    assert len(found) == 3
    return set(found.values())


@dataclass
class Java:
    """Kafka's own console producer: how many lines it was given, and what it complained of."""

    written: int = 0
    errors: str = ""


@contextmanager
def _java_producer(plane: Plane, trusting: Trusting, topic: str, directory: Path) -> Iterator[Java]:
    """It writes a line every 50 ms with acks=all and trusts one authority; ended, it tells all."""
    libs = unpack_jars(trusting, directory / "jars")
    store = directory / "trusted.p12"
    store.write_bytes(client_truststore([trusting.authority.read_bytes()], TRUSTSTORE_PASSWORD))
    properties = (trusting.bundle / "java" / "producer.properties").read_text()
    settings = directory / "producer.properties"
    settings.write_text(f"{properties}\nssl.truststore.location={store}\n")
    process = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{plane.lab.client('lan').netns}", "java",
         NAMES_FROM_A_FILE, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{libs}/*",
         "kafka.tools.ConsoleProducer", "--topic", topic, "--bootstrap-server",
         trusting.settings()["bootstrap.servers"], "--producer.config", str(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=trusting.bundle,
    )  # fmt: skip
    told, over = Java(), threading.Event()
    writer = threading.Thread(target=_write_lines, args=(process, told, over))
    try:
        writer.start()
        yield told
        over.set()
        writer.join()
        _, errors = process.communicate(timeout=180)
        # Java 17 and its logging say harmless things of their own.
        told.errors = "\n".join(line for line in errors.splitlines() if "ERROR" in line)
    finally:
        over.set()
        process.kill()
        process.wait()


def _write_lines(process: subprocess.Popen[str], told: Java, over: threading.Event) -> None:
    assert process.stdin is not None
    while not over.wait(0.05):
        process.stdin.write(f"{told.written}\n")
        process.stdin.flush()
        told.written += 1
