"""Stores: what is put in comes out, in Python, in Java and in OpenSSL."""

import shutil
import string
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.authority import cross_sign, new_authority
from certs.errors import CertificateError
from certs.leaf import LeafRequest, issue
from certs.pem import write_certificate, write_key
from certs.stores import broker_keystore, broker_truststore, client_keystore, client_truststore

NOW = datetime.now(UTC)
OLD = new_authority("clients", "org", 1, NOW)
NEW = new_authority("clients", "org", 2, NOW)
BOTH = [OLD.certificate_pem, NEW.certificate_pem]
REQUEST = LeafRequest("broker", "k3x9q2ab-f00d", ("10.0.0.1",), (), server=True, client=True)
LEAF = replace(issue(NEW, REQUEST, NOW, 30), chain=(cross_sign(NEW.certificate_pem, OLD),))
PASSWORD = "correct horse: 8 'staples' \\ \"here\""

KEYSTORES = pytest.mark.parametrize("pack", [broker_keystore, client_keystore])
TRUSTSTORES = pytest.mark.parametrize("pack", [broker_truststore, client_truststore])
PASSWORDS = st.text(string.printable[:95], min_size=6, max_size=80)

needs_java = pytest.mark.skipif(shutil.which("keytool") is None, reason="Java is not installed")
needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed"
)


def alias_of(pem: bytes) -> str:
    fingerprint = x509.load_pem_x509_certificate(pem).fingerprint(SHA256())
    return f"ca-{fingerprint.hex()[:16]}"


@settings(deadline=None, max_examples=20)
@given(PASSWORDS)
def test_a_brokers_stores_open_with_their_password(password: str) -> None:
    found = pkcs12.load_pkcs12(broker_keystore(LEAF, password), password.encode())
    trusted = pkcs12.load_pkcs12(broker_truststore(BOTH, password), password.encode())
    assert found.cert is not None
    assert write_certificate(found.cert.certificate) == LEAF.certificate_pem
    assert found.key is not None
    assert write_key(found.key) == LEAF.key_pem  # type: ignore[arg-type]
    assert [write_certificate(each.certificate) for each in found.additional_certs] == [*LEAF.chain]
    assert [write_certificate(each.certificate) for each in trusted.additional_certs] == BOTH
    assert trusted.key is None


@KEYSTORES
def test_a_key_store_opens_with_no_other_password(pack: Callable[..., bytes]) -> None:
    with pytest.raises(ValueError, match="Invalid password"):
        pkcs12.load_pkcs12(pack(LEAF, PASSWORD), b"another password")


@KEYSTORES
def test_a_key_stores_only_entry_is_called_leaf(pack: Callable[..., bytes]) -> None:
    found = pkcs12.load_pkcs12(pack(LEAF, PASSWORD), PASSWORD.encode())
    assert found.cert is not None
    assert found.cert.friendly_name == b"leaf"


@TRUSTSTORES
def test_an_authority_is_trusted_once_under_a_name_of_its_own(pack: Callable[..., bytes]) -> None:
    twice = pkcs12.load_pkcs12(pack([*BOTH, b"".join(BOTH)], PASSWORD), PASSWORD.encode())
    alone = pkcs12.load_pkcs12(pack([NEW.certificate_pem], PASSWORD), PASSWORD.encode())
    aliases = [each.friendly_name for each in twice.additional_certs]
    assert aliases == [alias_of(pem).encode() for pem in BOTH]
    assert [each.friendly_name for each in alone.additional_certs] == aliases[1:]


@TRUSTSTORES
@pytest.mark.parametrize(
    ("authorities", "sentence"),
    [
        ([], "authorities: accepted is at least one certificate."),
        (
            [LEAF.certificate_pem],
            "authorities: accepted are certificates of authorities (CA:TRUE).",
        ),
        (
            [b"rubbish"],
            "authorities: accepted are X.509 certificates as PEM text, and this is none.",
        ),
    ],
    ids=["none", "a leaf", "no certificate"],
)
def test_what_nobody_can_trust_is_refused(
    pack: Callable[..., bytes], authorities: list[bytes], sentence: str
) -> None:
    with pytest.raises(CertificateError) as refusal:
        pack(authorities, PASSWORD)
    assert str(refusal.value) == sentence


@KEYSTORES
def test_a_key_that_does_not_fit_is_refused(pack: Callable[..., bytes]) -> None:
    with pytest.raises(CertificateError, match="leaf key: accepted is only the key of its"):
        pack(replace(LEAF, key_pem=NEW.key_pem), PASSWORD)


@KEYSTORES
@pytest.mark.parametrize("password", ["", "short", "pässword", "new\nline"])
def test_a_password_that_java_does_not_take_is_refused(
    pack: Callable[..., bytes], password: str
) -> None:
    with pytest.raises(CertificateError) as refusal:
        pack(LEAF, password)
    assert str(refusal.value) == (
        "store password: accepted are at least 6 printable ASCII characters."
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one store of each kind, and their password in a file."""
    directory = tmp_path_factory.mktemp("stores")
    (directory / "broker.keystore").write_bytes(broker_keystore(LEAF, PASSWORD))
    (directory / "broker.truststore").write_bytes(broker_truststore(BOTH, PASSWORD))
    (directory / "client.keystore").write_bytes(client_keystore(LEAF, PASSWORD))
    (directory / "client.truststore").write_bytes(client_truststore(BOTH, PASSWORD))
    (directory / "password").write_text(PASSWORD + "\n", encoding="ascii")
    return directory


def run(directory: Path, *command: str) -> str:
    found = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=True, timeout=60
    )
    return found.stdout + found.stderr


@needs_java
def test_java_reads_every_store_as_either_type(stores: Path) -> None:
    program = str(Path(__file__).with_name("ReadStore.java"))
    names = [f"{of}.{kind}" for of in ("broker", "client") for kind in ("keystore", "truststore")]
    arguments = [f"{kind}:{name}" for kind in ("PKCS12", "JKS") for name in names]
    lines = run(stores, "java", program, *arguments).splitlines()
    assert sorted(lines) == sorted(
        f"{argument} {entry}" for argument in arguments for entry in entries_of(argument)
    )


def entries_of(argument: str) -> list[str]:
    if argument.endswith("keystore"):
        return ["EC leaf 2 CN=broker,O=k3x9q2ab-f00d"]
    generations = enumerate(BOTH, start=1)
    return [f"trusts {alias_of(pem)} CN=org clients CA g{n},O=org" for n, pem in generations]


@needs_java
@pytest.mark.parametrize(
    ("store", "entries", "kind"),
    [("broker.keystore", 1, "PrivateKeyEntry"), ("client.truststore", 2, "trustedCertEntry")],
)
def test_keytool_lists_them(stores: Path, store: str, entries: int, kind: str) -> None:
    listed = run(stores, "keytool", "-list", "-keystore", store, "-storepass:file", "password")
    assert f"Your keystore contains {entries} entr" in listed
    assert listed.count(kind) == entries


@needs_openssl
@pytest.mark.parametrize("kind", ["keystore", "truststore"])
def test_a_brokers_store_has_one_round_of_key_derivation(stores: Path, kind: str) -> None:
    told = openssl_says(stores, f"broker.{kind}")
    encrypted = [line for line in told if line.startswith(("PKCS7 Encrypted", "Shrouded"))]
    assert len(encrypted) == (2 if kind == "keystore" else 1)
    for line in encrypted:
        assert line.endswith("PBES2, PBKDF2, AES-256-CBC, Iteration 1, PRF hmacWithSHA256")
    assert any(line.startswith("MAC: sha256") for line in told)


@needs_openssl
@pytest.mark.parametrize("kind", ["keystore", "truststore"])
def test_a_clients_store_is_written_with_what_java_8_reads(stores: Path, kind: str) -> None:
    told = openssl_says(stores, f"client.{kind}")
    encrypted = [line for line in told if line.startswith(("PKCS7 Encrypted", "Shrouded"))]
    assert len(encrypted) == (2 if kind == "keystore" else 1)
    for line in encrypted:
        assert "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 20000" in line
    assert any(line.startswith("MAC: sha1") for line in told)


def openssl_says(directory: Path, store: str) -> list[str]:
    command = ["openssl", "pkcs12", "-info", "-noout", "-in", store, "-passin", "file:password"]
    return run(directory, *command).splitlines()
