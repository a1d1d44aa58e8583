"""Certificates are replaced under load: clients that trust only the old authority, or only the new.

The clients were not written here: librdkafka in a program of its own, and Java's console producer.
No broker restarts: every process is the same before and after.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from certs.client_settings import TRUSTSTORE_PASSWORD
from certs.stores import client_truststore
from flows.adapters.records.observed import Observed
from flows.monitoring.check_certificates import check_certificates
from tests.acceptance.certified import (
    Trusting,
    chains,
    cut_among_brokers,
    differing,
    internal_certificates,
    killed_after,
    trusting,
)
from tests.acceptance.parts import (
    NAMES_FROM_A_FILE,
    Demo,
    assert_served,
    client,
    logins,
    unpack_jars,
)
from tests.acceptance.plane import Plane
from tests.acceptance.spoiling import lacking_names, of_a_stranger, spoiled_store
from tests.acceptance.under_load import assert_nothing_lost, load, spread_topic, started


@pytest.fixture(scope="module", autouse=True)
def nobody_restarts(plane: Plane, demo: Demo) -> Iterator[None]:
    """Every broker's process is the same before and after all that happens here."""
    before = started(plane, demo)
    assert None not in before.values()
    yield
    assert started(plane, demo) == before


@pytest.fixture(scope="module")
def lan(plane: Plane, demo: Demo) -> str:
    """A client's place in the network of the instance."""
    return plane.lab.client("lan").netns


@pytest.fixture(scope="module")
def old(plane: Plane, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Trusting:
    """Who trusts the authority from before."""
    return trusting(demo, tmp_path_factory.mktemp("old"), newest=False)


def test_clients_of_either_authority_go_on_until_the_old_one_is_dropped(
    plane: Plane, demo: Demo, lan: str, old: Trusting, tmp_path: Path
) -> None:
    topics = [spread_topic(plane, demo, name) for name in ("trusts-old", "trusts-new", "java")]
    with _java_producer(plane, old, topics[2], tmp_path) as java:
        with load(plane, old, topics[0]) as of_old:
            plane.ask("replace-certificates", "instance=demo")
            _replace_authority_while_killed(plane)
            new = trusting(demo, tmp_path, newest=True)
            with load(plane, new, topics[1]) as of_new:
                assert logins(old, lan) == {"ok"}, "also at new connections"
                plane.ask("replace-certificates", "instance=demo")
        assert_nothing_lost(of_old.answer)
        assert_nothing_lost(of_new.answer)
    assert java.errors == ""
    found = client(
        lan,
        verb="read_all",
        settings=new.settings(),
        topic=topics[2],
        messages=java.written,
    )
    assert found == java.written > 100


def test_after_the_drop_only_the_new_authority_is_let_in(
    plane: Plane, demo: Demo, lan: str, old: Trusting, tmp_path: Path
) -> None:
    early = plane.refused("finish-certificate-overlap", "instance=demo")
    assert "clients may trust the old authority until" in early
    new = trusting(demo, tmp_path, newest=True)
    topic = spread_topic(plane, demo, "dropped")
    with load(plane, new, topic) as of_new:
        plane.ask("finish-certificate-overlap", "instance=demo", "before_its_date=true")
    assert_nothing_lost(of_new.answer)
    assert logins(new, lan) == {"ok"}
    assert "certificate verify failed" in client(lan, verb="log_in", settings=old.settings())
    again = plane.ask("finish-certificate-overlap", "instance=demo")
    assert "nothing to do" in again
    demo.forget_bundle()


def test_a_wrong_store_is_put_back_on_its_broker_and_clients_go_on(
    plane: Plane, demo: Demo, lan: str
) -> None:
    """Kafka itself refuses fewer names; what it takes, and clients do not, is seen by a look."""
    before, topic = chains(demo), spread_topic(plane, demo, "spoiled")
    second = (str(demo.instance.broker(2).address), 9093)
    with load(plane, demo, topic) as told:
        with spoiled_store(demo, 2, lacking_names(demo)):
            said = plane.fails("replace-certificates", "instance=demo")
        assert "SubjectAltNames do not match" in said
        with spoiled_store(demo, 2, of_a_stranger(demo, second)):
            said = plane.fails("replace-certificates", "instance=demo")
        assert "broker 2 PRIVATE: it serves the certificate" in said
        assert said.endswith("which is another one; it was told its old stores again")
        assert differing(before, chains(demo)) == {1}, "2 is as before, and 3 was left alone"
        assert plane.json("show", "demo")["status"] == "Change failed"
        assert logins(demo, lan) == {"ok"}
        plane.ask("roll-back", "instance=demo")
        assert plane.json("show", "demo")["status"] == "Running"
        assert not differing(before, chains(demo)), "all serve again what they did"
        plane.ask("replace-certificates", "instance=demo")
    assert_nothing_lost(told.answer)
    assert differing(before, chains(demo)) == {1, 2, 3}
    assert plane.json("show", "demo")["status"] == "Running"


def test_the_daily_look_reads_what_every_listener_serves(plane: Plane, demo: Demo) -> None:
    said = check_certificates(plane.doors)
    assert re.fullmatch(r"\d+ instances looked at", said), "all answer, and none ends soon"
    row = plane.doors.records.find("demo")
    assert row is not None
    seen = {each.name for each in Observed.read(row.observed).seen}
    sides = ("PRIVATE", "CONTROL", "INTERNAL")
    assert {f"broker {number} {side}" for number in (1, 2, 3) for side in sides} <= seen


@pytest.mark.slow
def test_the_internal_authority_rotates_and_nobody_is_locked_out(
    plane: Plane, demo: Demo, lan: str
) -> None:
    """The engine dies while some brokers show certificates of the new one already."""
    wish = ("rotate-internal-authority", "instance=demo")
    before, topic = internal_certificates(demo), spread_topic(plane, demo, "rotated")
    with load(plane, demo, topic) as told:
        killed_after(plane, wish, "broker 2: show and trust what is wished", times=2)
        assert plane.doors.kafka.cluster(demo.instance).brokers == (1, 2, 3)
        amid = internal_certificates(demo)
        plane.succeeds("run", *wish)
        assert plane.doors.kafka.cluster(demo.instance).brokers == (1, 2, 3)
        cut_among_brokers(demo)
        assert_served(lan, demo.settings(), "after-the-rotation")
    assert_nothing_lost(told.answer)
    assert {1, 2} <= differing(before, amid), "it was killed once brokers showed new ones"
    after = internal_certificates(demo)
    assert not {each.serial for each in before.values()} & {each.serial for each in after.values()}
    assert not {each.issuer for each in before.values()} & {each.issuer for each in after.values()}
    (internal,) = _sides(plane, "internal")
    assert internal["trusted"] == [internal["authority"]]


def _sides(plane: Plane, side: str) -> list[dict[str, Any]]:
    shown = plane.json("certificates", "demo")["sides"]
    return [each for each in shown if each["side"] == side]


def _replace_authority_while_killed(plane: Plane) -> None:
    """The engine dies once one broker serves the new certificates, and somebody else goes on."""
    wish = ("replace-certificates", "instance=demo", "scope=authority")
    killed_after(plane, wish, "broker 1: serve its certificates")
    plane.succeeds("run", *wish)


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
