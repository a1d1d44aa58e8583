"""The bundle: complete, without secrets, and usable by clients as it is."""

import configparser
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket

import pytest
from confluent_kafka import Consumer, Producer
from cryptography.hazmat.primitives.serialization import pkcs12

from certs.authority import new_authority
from certs.bundle import BundleRequest, certificate_bundle, client_bundle
from certs.client_settings import Mechanism, MutualTls, SaslSsl
from certs.errors import CertificateError
from certs.facts import describe
from certs.leaf import LeafRequest, issue
from certs.pem import write_certificate

NOW = datetime.now(UTC)
OLD = new_authority("clients", "k3x9q2ab-f00d", 1, NOW)
NEW = new_authority("clients", "k3x9q2ab-f00d", 2, NOW)
ROBERT = issue(OLD, LeafRequest("robert", "x1", (), (), server=False, client=True), NOW, 30)
BOOTSTRAP = "10.0.0.1:9093,10.0.0.2:9093,10.0.0.3:9093"
SECURITY = SaslSsl("app", ("SCRAM-SHA-512",), (OLD.certificate_pem,))
SECURED = BundleRequest("demo", BOOTSTRAP, SECURITY)
PLAINTEXT = BundleRequest("demo", BOOTSTRAP, None)
MUTUAL = BundleRequest("demo", BOOTSTRAP, MutualTls((OLD.certificate_pem,)))
EVERY = pytest.mark.parametrize(
    "request_", [SECURED, MUTUAL, PLAINTEXT], ids=["SASL_SSL", "SSL", "PLAINTEXT"]
)

COMMON_FILES = {
    "README.txt",
    "console/client.properties",
    "go/go.mod",
    "go/go.sum",
    "go/main.go",
    "go/settings.go",
    "java/Client.java",
    "java/consumer.properties",
    "java/producer.properties",
    "python/client.ini",
    "python/client.py",
}
PROPERTIES = sorted(path for path in COMMON_FILES if path.endswith(".properties"))


def properties_of(request: BundleRequest, path: str) -> dict[str, str]:
    lines = client_bundle(request)[path].decode("ascii").splitlines()
    settings = [line.partition("=") for line in lines if line and not line.startswith("#")]
    assert len({key for key, _, _ in settings}) == len(settings)
    return {key: value for key, _, value in settings}


def ini_of(request: BundleRequest) -> configparser.ConfigParser:
    ini = configparser.ConfigParser(interpolation=None)
    ini.read_string(client_bundle(request)["python/client.ini"].decode("ascii"))
    return ini


def unpack(request: BundleRequest, directory: Path) -> Path:
    for path, content in client_bundle(request).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)
    return directory


def test_it_holds_these_files() -> None:
    assert set(client_bundle(SECURED)) == COMMON_FILES | {"client.truststore.jks", "phy_ca.crt"}
    assert set(client_bundle(PLAINTEXT)) == COMMON_FILES


@EVERY
def test_the_readme_names_every_file(request_: BundleRequest) -> None:
    readme = client_bundle(request_)["README.txt"].decode("ascii")
    assert "$" not in readme
    assert BOOTSTRAP in readme
    for path in set(client_bundle(request_)) - {"README.txt"}:
        assert path in readme or path.startswith("go/"), path


def test_clients_trust_every_authority_of_the_request() -> None:
    security = SaslSsl("app", ("PLAIN",), (OLD.certificate_pem, NEW.certificate_pem))
    bundle = client_bundle(BundleRequest("demo", BOOTSTRAP, security))
    trusted = pkcs12.load_pkcs12(bundle["client.truststore.jks"], b"dms@kafka").additional_certs
    assert bundle["phy_ca.crt"] == OLD.certificate_pem + NEW.certificate_pem
    assert b"".join(write_certificate(each.certificate) for each in trusted) == bundle["phy_ca.crt"]


def test_a_key_never_appears_in_it() -> None:
    careless = SaslSsl("app", ("PLAIN",), (OLD.key_pem + OLD.certificate_pem + OLD.key_pem,))
    bundle = client_bundle(BundleRequest("demo", BOOTSTRAP, careless))
    secret_lines = [line for line in OLD.key_pem.splitlines() if not line.startswith(b"---")]
    assert secret_lines
    for path, content in bundle.items():
        assert b"PRIVATE KEY" not in content, path
        assert not any(line in content for line in secret_lines), path
    assert pkcs12.load_pkcs12(bundle["client.truststore.jks"], b"dms@kafka").key is None


@pytest.mark.parametrize("path", PROPERTIES)
def test_java_and_console_tools_verify_the_server_and_log_in(path: str) -> None:
    settings = properties_of(SECURED, path)
    connection = {key: value for key, value in settings.items() if key.startswith(("s", "b"))}
    assert connection == {
        "bootstrap.servers": BOOTSTRAP,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required "
            'username="app" password="CHANGE-ME";'
        ),
        "ssl.truststore.location": "client.truststore.jks",
        "ssl.truststore.type": "PKCS12",
        "ssl.truststore.password": "dms@kafka",
        "ssl.endpoint.identification.algorithm": "https",
    }


@pytest.mark.parametrize("path", PROPERTIES)
def test_with_mutual_tls_java_shows_a_certificate_and_no_password(path: str) -> None:
    settings = properties_of(MUTUAL, path)
    connection = {key: value for key, value in settings.items() if key.startswith(("s", "b"))}
    assert connection == {
        "bootstrap.servers": BOOTSTRAP,
        "security.protocol": "SSL",
        "ssl.keystore.location": "client.keystore.jks",
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.password": "CHANGE-ME",
        "ssl.key.password": "CHANGE-ME",
        "ssl.truststore.location": "client.truststore.jks",
        "ssl.truststore.type": "PKCS12",
        "ssl.truststore.password": "dms@kafka",
        "ssl.endpoint.identification.algorithm": "https",
    }


def test_with_mutual_tls_librdkafka_shows_a_certificate_and_no_password() -> None:
    connection = dict(ini_of(MUTUAL)["connection"])
    assert connection["security.protocol"] == "SSL"
    assert connection["ssl.certificate.location"] == "client.crt"
    assert connection["ssl.key.location"] == "client.key"
    assert not [key for key in connection if key.startswith("sasl")]


def test_the_bundle_of_a_certificate_is_ready_to_use() -> None:
    request = BundleRequest("demo", BOOTSTRAP, MutualTls((OLD.certificate_pem,), "a-password"))
    bundle = certificate_bundle(request, ROBERT)
    stored = pkcs12.load_pkcs12(bundle["client.keystore.jks"], b"a-password")
    assert stored.cert is not None
    assert describe(bundle["client.crt"]).serial == stored.cert.certificate.serial_number
    assert bundle["client.key"] == ROBERT.key_pem
    for path in PROPERTIES:
        assert b"ssl.keystore.password=a-password\n" in bundle[path]
    with pytest.raises(CertificateError, match="accepted is mutual TLS"):
        certificate_bundle(SECURED, ROBERT)


@pytest.mark.parametrize("path", PROPERTIES)
def test_without_sasl_ssl_there_is_neither_login_nor_truststore(path: str) -> None:
    settings = properties_of(PLAINTEXT, path)
    assert settings["bootstrap.servers"] == BOOTSTRAP
    assert settings["security.protocol"] == "PLAINTEXT"
    assert not [key for key in settings if key.startswith(("sasl", "ssl"))]


@EVERY
@pytest.mark.parametrize("path", PROPERTIES)
def test_a_java_client_hardly_notices_a_restart(request_: BundleRequest, path: str) -> None:
    settings = properties_of(request_, path)
    assert settings["reconnect.backoff.max.ms"] == "200"
    assert settings["retry.backoff.ms"] == "20"


@EVERY
def test_a_java_producer_loses_nothing(request_: BundleRequest) -> None:
    settings = properties_of(request_, "java/producer.properties")
    assert settings["acks"] == "all"
    assert settings["enable.idempotence"] == "true"
    assert settings["retries"] == str(2**31 - 1)
    assert int(settings["delivery.timeout.ms"]) >= 120_000


def test_only_the_consumer_has_a_group() -> None:
    assert "group.id" in properties_of(SECURED, "java/consumer.properties")
    assert "group.id" not in properties_of(SECURED, "java/producer.properties")
    assert "group.id" not in properties_of(SECURED, "console/client.properties")


@EVERY
def test_a_librdkafka_client_hardly_notices_a_restart(request_: BundleRequest) -> None:
    ini = ini_of(request_)
    wanted = {
        "reconnect.backoff.ms": "20",
        "reconnect.backoff.max.ms": "200",
        "retry.backoff.ms": "20",
        "retry.backoff.max.ms": "200",
        "topic.metadata.refresh.fast.interval.ms": "20",
    }
    assert wanted.items() <= dict(ini["connection"]).items()
    assert dict(ini["producer"]) == {"acks": "all", "enable.idempotence": "true", "linger.ms": "5"}


@EVERY
def test_librdkafka_takes_every_setting_without_complaint(
    request_: BundleRequest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ini = ini_of(request_)
    connection = dict(ini["connection"])
    unpack(request_, tmp_path)
    (tmp_path / "client.crt").write_bytes(ROBERT.certificate_pem)
    (tmp_path / "client.key").write_bytes(ROBERT.key_pem)
    if isinstance(request_.security, SaslSsl):
        assert "sasl.password" not in connection
        connection["sasl.password"] = "secret"
    for key in [key for key in connection if key.endswith(".location")]:
        connection[key] = str(tmp_path / connection[key])
    Producer({**connection, **ini["producer"]})
    Consumer({**connection, **ini["consumer"]}).close()
    assert "CONFWARN" not in capfd.readouterr().err


def test_the_first_mechanism_is_used_and_the_others_are_named() -> None:
    both: tuple[Mechanism, ...] = ("PLAIN", "SCRAM-SHA-512")
    request = BundleRequest("demo", BOOTSTRAP, SaslSsl("app", both, (OLD.certificate_pem,)))
    producer = properties_of(request, "java/producer.properties")
    assert producer["sasl.mechanism"] == "PLAIN"
    assert ".plain.PlainLoginModule" in producer["sasl.jaas.config"]
    assert ini_of(request)["connection"]["sasl.mechanisms"] == "PLAIN"
    assert b'mechanism = "PLAIN"' in client_bundle(request)["go/settings.go"]
    readme = client_bundle(request)["README.txt"]
    assert b"mechanism PLAIN (SCRAM-SHA-512 is accepted too)" in readme


@pytest.mark.parametrize("mechanisms", [(), ("GSSAPI",)])
def test_other_mechanisms_are_refused(mechanisms: tuple[Mechanism, ...]) -> None:
    with pytest.raises(CertificateError) as refusal:
        SaslSsl("app", mechanisms, (OLD.certificate_pem,))
    assert str(refusal.value) == (
        f"mechanisms {', '.join(mechanisms)!r}: accepted are SCRAM-SHA-512 and PLAIN, at least one "
        "of them."
    )


def test_names_that_would_need_quoting_are_refused() -> None:
    with pytest.raises(CertificateError, match=r"^user 'a\"b': accepted are"):
        SaslSsl('a"b', ("PLAIN",), (OLD.certificate_pem,))
    with pytest.raises(CertificateError, match=r"^instance 'a\\n': accepted are"):
        BundleRequest("a\n", BOOTSTRAP, None)
    with pytest.raises(CertificateError, match=r"^bootstrap '10\.0\.0\.1': accepted are"):
        BundleRequest("demo", "10.0.0.1", None)


def test_without_an_authority_to_trust_there_is_no_bundle() -> None:
    with pytest.raises(CertificateError, match=r"^authorities: accepted is at least one"):
        client_bundle(BundleRequest("demo", BOOTSTRAP, SaslSsl("app", ("PLAIN",), ())))


@contextmanager
def broker_with_a_foreign_certificate(directory: Path) -> Iterator[str]:
    """The address of a TLS server whose certificate the bundle's authorities did not sign."""
    request = LeafRequest("broker", "org", ("127.0.0.1",), (), server=True, client=False)
    leaf = issue(NEW, request, NOW, 1)
    identity = directory / "identity.pem"
    identity.write_bytes(leaf.certificate_pem + leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    with socket(AF_INET, SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=refuse_all, args=(listener, context))
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(2)
            thread.join(timeout=10)


def refuse_all(listener: socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # shut down: the test is over
            return
        with connection:
            connection.settimeout(5)
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:  # what this server is for
                continue


@pytest.mark.parametrize("verb", ["produce", "consume"])
def test_the_python_sample_sends_no_password_to_a_stranger(verb: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n", encoding="ascii")
    with broker_with_a_foreign_certificate(tmp_path) as address:
        bundle = unpack(BundleRequest("demo", address, SECURITY), tmp_path / "bundle")
        found = subprocess.run(
            [sys.executable, "client.py", verb, "topic", "--password-file", "../../password"],
            cwd=bundle / "python",
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert found.returncode == 1
    stopped = [line for line in found.stderr.splitlines() if line.startswith("stopped: ")]
    assert len(stopped) == 1
    assert "certificate verify failed" in stopped[0]


needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")


@needs_go
@EVERY
def test_the_go_sample_is_formatted(request_: BundleRequest, tmp_path: Path) -> None:
    unpack(request_, tmp_path)
    found = subprocess.run(
        ["gofmt", "-l", "."], cwd=tmp_path / "go", capture_output=True, text=True, check=True
    )
    assert found.stdout == ""


@pytest.mark.slow
@needs_go
@EVERY
def test_the_go_sample_compiles(request_: BundleRequest, tmp_path: Path) -> None:
    directory = unpack(request_, tmp_path) / "go"
    for command in (["go", "vet", "."], ["go", "build", "-o", os.devnull, "."]):
        found = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, check=False, timeout=300
        )
        assert found.returncode == 0, found.stderr
