"""A user's own certificate, made by nobody of us: served under a client's load, and left again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.parts import Demo, client
from tests.acceptance.plane import Plane
from tests.acceptance.under_load import assert_nothing_lost, changed, load, spread_topic, started
from tests.certs.uploaded import PASSWORD, Says, authority, jks_store, make

MAKE = """
openssl req -new -x509 -nodes -newkey rsa:2048 -subj /CN={root} -keyout {root}.key -out {root}.pem \
-days 3650
openssl req -new -nodes -newkey rsa:2048 -subj /CN=kafka.example -keyout leaf.key -out request
openssl x509 -req -CA {root}.pem -CAkey {root}.key -in request -out leaf.pem -CAcreateserial \
-extfile names -days 365
openssl pkcs12 -export -in leaf.pem -inkey leaf.key -name localhost -out {name}.keystore.p12 \
-passout file:password
keytool -importkeystore -srckeystore {name}.keystore.p12 -srcstoretype PKCS12 \
-destkeystore {name}.keystore.jks -deststoretype JKS -srcstorepass:file password \
-deststorepass:file password
keytool -import -noprompt -storetype JKS -keystore {name}.truststore.jks -alias CARoot \
-file {root}.pem -storepass:file password
""".replace("\\\n", "")


@pytest.fixture(scope="module")
def stores(plane: Plane, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the user made the stores; they are laid down in the directory of uploads too."""
    made = tmp_path_factory.mktemp("stores")
    (made / "password").write_text(PASSWORD)
    brokers = [f"IP:{broker.address}" for broker in demo.instance.brokers]
    _make(made, "server", brokers)
    _make(made, "lacking", brokers[:-1])
    _make_expired(made)
    uploads = plane.settings.uploads
    for store in made.glob("*.jks"):
        shutil.copy(store, uploads / store.name)
    yield made
    for store in made.glob("*.jks"):
        (uploads / store.name).unlink()


def test_what_clients_would_refuse_is_refused(plane: Plane, demo: Demo, stores: Path) -> None:
    expired = _refused(plane, stores, "expired")
    assert "certificate CN=kafka.example: it expired 2026-05-31 12:00 UTC." in expired
    last = demo.instance.brokers[-1].address
    assert f"and clients come by {last} too; accepted is" in _refused(plane, stores, "lacking")
    (stores / "wrong").write_text("Upload 2027!")
    wrong = _refused(plane, stores, "server", password="wrong")
    assert "keystore: the password does not open it, or it was altered." in wrong
    path = _refused(plane, stores, "../secrets/master")
    assert "it leads out of the directory; accepted is the name of a file in" in path


@pytest.mark.slow
def test_an_own_certificate_takes_over_under_load_and_is_left_again(
    plane: Plane, demo: Demo, stores: Path
) -> None:
    """Clients that trust only our authority go on meanwhile: it signs the user's."""
    topic, before = spread_topic(plane, demo, "uploaded"), started(plane, demo)
    with load(plane, demo, topic) as told:
        plane.succeeds(*_request(stores, "server"))
        lan = plane.lab.client("lan").netns
        theirs = {**demo.settings(), "ssl.ca.location": str(stores / "server-root.pem")}
        assert client(lan, verb="log_in", settings=theirs) == "ok"
        assert client(lan, verb="log_in", settings=demo.settings()) == "ok"
    assert_nothing_lost(told.answer)
    assert changed(before, started(plane, demo)) == {1, 2, 3}, "Kafka takes no other subject live"
    again = plane.succeeds(*_request(stores, "server"))
    assert "nothing to do" in again
    served = plane.json("certificates", "demo")["certificates"]
    mine = [line for line in served if line["name"].endswith("PRIVATE")]
    assert {line["subject"] for line in mine} == {"CN=kafka.example"}
    _leave(plane)
    demo.forget_bundle()
    assert client(lan, verb="log_in", settings=theirs) != "ok"
    assert client(lan, verb="log_in", settings=demo.settings()) == "ok"


def _leave(plane: Plane) -> None:
    plane.ask("finish-certificate-overlap", "instance=demo", "before_its_date=true")
    leaving = ("replace-certificates", "instance=demo", "scope=authority", "overlap=0")
    assert "clients that trust only CN=server-root" in plane.refused(*leaving)
    plane.ask(*leaving, "accept_client_break=true")


def _make_expired(made: Path) -> None:
    """One that no tool makes any more."""
    root = make(Says("Expired Root", (-30, 3650), extensions=(authority(),)))
    leaf = make(Says("kafka.example", (-30, -1)), root)
    (made / "expired.keystore.jks").write_bytes(jks_store([[leaf, root]]))
    (made / "expired.truststore.jks").write_bytes(jks_store(trusted=[root]))


def _make(made: Path, name: str, names: list[str]) -> None:
    (made / "names").write_text(f"subjectAltName={','.join(names)}\n")
    values = {"name": name, "root": f"{name}-root"}
    for line in MAKE.strip().splitlines():
        done = subprocess.run(
            [word.format(**values) for word in line.split()],
            cwd=made,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"


def _request(stores: Path, name: str, password: str = "password") -> tuple[str, ...]:
    return (
        "run",
        "replace-certificates",
        "instance=demo",
        "source=upload",
        f"keystore=file:{name}.keystore.jks",
        f"truststore=file:{name}.truststore.jks",
        f"keystore_password=@{stores / password}",
        f"truststore_password=@{stores / 'password'}",
    )


def _refused(plane: Plane, stores: Path, name: str, password: str = "password") -> str:
    done = plane.fleet(*_request(stores, name, password))
    assert done.returncode == 2, done.stderr
    return done.stderr
