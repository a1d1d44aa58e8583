"""The Java classes on brokers, as they lie in the tarball; each Java test shows as one of ours.

The Java side is in ``java/``. Certificates and password hashes come from here, so that these tests
also prove that what Python makes is what the classes read.
"""

import hashlib
import re
import subprocess
import tarfile
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import Name, NameAttribute, RelativeDistinguishedName
from cryptography.x509.oid import NameOID

import distributions
from distributions.pluginjar import compile_sources

SOURCES = Path(__file__).parent / "java"
CLASSES = ("ClientsTest", "ListenerPrincipalBuilderTest", "PlainUsersTest", "SessionsTest")

ACCEPTED = ["alice", "Al-1", "a" * 64, "kafkas", "super_", "Z__-", "__fleet_probe"]
RESERVED = ["ANONYMOUS", "broker", "control", "kafka", "super", "zkpeer"]
REFUSED = [
    *RESERVED,
    *(name.swapcase() for name in RESERVED),
    *("abc", "a" * 65, "1abc", "-abc", "_abc", "al ice", " alice", "alice ", "älice", "alice\n"),
    *("__fleet_probe2", "__FLEET_PROBE", "_fleet_probe", "__fleet_probe\n", "alice\0", "*", "a.bc"),
    *("alice,O=x", "CN=alice", "User:alice"),
]

# A foreign CA may not know that a common name of 65 characters is too long.
pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be:UserWarning")

ITERATIONS = 4096
SALT = b"0123456789abcdef"


def java_tests() -> list[str]:
    """Return the names of all Java tests, read from the sources."""
    return [
        f"{name}.{method}"
        for name in CLASSES
        for method in re.findall(
            r"^    public void (\w+)\(\)", (SOURCES / f"kafkafleet/{name}.java").read_text(), re.M
        )
    ]


@pytest.mark.parametrize("name", java_tests())
def test_plugins(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes[name] == "ok"


def test_no_java_test_is_left_out(outcomes: dict[str, str]) -> None:
    assert sorted(outcomes) == sorted(java_tests())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what every Java test came to: "ok", or the reason why not."""
    work = tmp_path_factory.mktemp("plugins")
    tarball = distributions.tarball("kafka-2.7.2", distributions.DEFAULT_CACHE, print)
    with tarfile.open(tarball) as tar:
        tar.extractall(work, filter="data")
    classes = work / "classes"
    compile_sources(SOURCES, f"{work}/libs/*", classes)
    write_certificates(work)
    (work / "lines.properties").write_text("".join(f"{k}={v}\n" for k, v in lines()))
    return dict(run_java(work, classes))


def run_java(data: Path, classes: Path) -> Iterator[tuple[str, str]]:
    command = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Ddata={data}"]
    command += ["-cp", f"{classes}:{data}/libs/*", "kafkafleet.Tests", *CLASSES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        match = re.fullmatch(r"(ok|failed) ([\w.]+)(?:: (.*))?", line)
        assert match, line
        yield match[2], match[3] or match[1]


def write_certificates(work: Path) -> None:
    """Write one certificate per name; a refused one is called by its serial number."""
    for directory in ("accepted", "refused", "subjects"):
        (work / directory).mkdir()
    for serial, name in enumerate(ACCEPTED, start=0x4A7F):
        write_certificate(work / "accepted" / name, subject([name]), serial)
    for serial, name in enumerate(REFUSED, start=0x9001):
        write_certificate(work / "refused" / f"{serial:x}", subject([name]), serial)
    organization = NameAttribute(NameOID.ORGANIZATION_NAME, "alice")
    write_certificate(work / "subjects" / "none", Name([organization]), 0xCA)
    write_certificate(work / "subjects" / "two", subject(["alice"], ["bertha"]), 0xCB)
    write_certificate(work / "subjects" / "joined", subject(["alice", "bertha"]), 0xCC)


def subject(*parts: list[str]) -> Name:
    """Return a subject with one part per list, each of that many common names."""
    return Name(
        RelativeDistinguishedName(
            NameAttribute(NameOID.COMMON_NAME, name, _validate=False) for name in part
        )
        for part in parts
    )


KEY = ec.generate_private_key(ec.SECP256R1())


def write_certificate(path: Path, name: Name, serial: int) -> None:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=KEY.public_key(),
        serial_number=serial,
        not_valid_before=now,
        not_valid_after=now + timedelta(hours=1),
    )
    certificate = builder.sign(KEY, hashes.SHA256())
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def lines() -> Iterator[tuple[str, str]]:
    """Yield lines of a file of users by what they are for."""
    yield "alice", line("alice", "Correct-Horse1")
    yield "alice-changed", line("alice", "Battery-Staple2")
    yield "bertha", line("bertha", "Pässwörd-€3")
    yield "costly", line("costly", "Correct-Horse1", iterations=10 * ITERATIONS)
    yield "__fleet_probe", line("__fleet_probe", "Correct-Horse1")
    yield "empty", line("alice", "")
    yield "reserved", line("Super", "Correct-Horse1")
    good = line("alice", "Correct-Horse1")
    _, _, salt, digest = good.split(":")
    yield "malformed-parts", good.rpartition(":")[0]
    yield "malformed-more-parts", f"{good}:x"
    yield "malformed-base64", f"alice:{ITERATIONS}:{salt}:{digest[:-3]}"
    yield "malformed-iterations", f"alice:{ITERATIONS:x}:{salt}:{digest}"
    yield "malformed-few-iterations", line("alice", "Correct-Horse1", iterations=4095)
    yield "malformed-many-iterations", line("alice", "Correct-Horse1", iterations=1_000_001)
    yield "malformed-salt", line("alice", "Correct-Horse1", salt=b"15 bytes of it.")
    yield "malformed-hash", line("alice", "Correct-Horse1", length=63)


def line(
    name: str,
    password: str,
    iterations: int = ITERATIONS,
    salt: bytes = SALT,
    length: int = 64,
) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, length)
    return f"{name}:{iterations}:{b64encode(salt).decode()}:{b64encode(digest).decode()}"
