"""The arm beside live replacements: certificates that brokers take only by starting anew.

A user's certificate with another subject each time is what Kafka does not take live. So the product
swaps the stores of each broker while that one is down: a replacement by a roll, with the same
gates, probe and proofs as any other change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from benchmarks.creating.surroundings import Place
from benchmarks.restarting.arms import opened
from certs.authority import Authority, new_authority
from certs.leaf import LeafRequest, issue
from certs.stores import client_keystore, client_truststore

KEYSTORE, TRUSTSTORE = "bench.keystore.p12", "bench.truststore.p12"
VALID_DAYS = 30


def rolling_replacement(
    place: Place, name: str, authority: Authority, number: int
) -> Callable[[], object]:
    """Lays a certificate of a new subject down; what is returned has it served by a roll."""
    password = new_password()
    _, instance = opened(place, name)
    addresses = tuple(str(broker.address) for broker in instance.brokers)
    place.settings.uploads.mkdir(mode=0o700, exist_ok=True)
    for file, content in stores((authority, number), addresses, password).items():
        (place.settings.uploads / file).write_bytes(content)

    def replace() -> object:
        with TemporaryDirectory(prefix="kafka-fleet-bench-") as directory:
            told = Path(directory) / "password"
            told.touch(mode=0o600)
            told.write_text(password)
            return place.fleet("run", "replace-certificates", *_wish(name, told))

    return replace


def new_password() -> str:
    """One that the product accepts for a user's store."""
    return f"Bench {token_hex(8)}"


def own_authority() -> Authority:
    """A user's authority: it stays, so that its clients connect to each certificate in turn."""
    return new_authority("clients", "bench", 1, datetime.now(UTC))


def end_overlap(place: Place, name: str) -> None:
    """The next replacement may begin; nobody measures this one."""
    place.fleet("run", "finish-certificate-overlap", f"instance={name}", "before_its_date=true")
    for store in (KEYSTORE, TRUSTSTORE):
        (place.settings.uploads / store).unlink(missing_ok=True)


def _wish(name: str, told: Path) -> tuple[str, ...]:
    return (
        f"instance={name}",
        "source=upload",
        f"keystore=file:{KEYSTORE}",
        f"keystore_password=@{told}",
        f"truststore=file:{TRUSTSTORE}",
        f"truststore_password=@{told}",
        "stall_budget=600",
    )


def stores(
    by: tuple[Authority, int], addresses: tuple[str, ...], password: str
) -> dict[str, bytes]:
    """The files that a user brings: a certificate of its own subject for each number."""
    authority, number = by
    request = LeafRequest(
        common_name=f"kafka-{number}",
        organization="bench",
        ip_addresses=addresses,
        dns_names=(),
        server=True,
        client=False,
    )
    leaf = issue(authority, request, datetime.now(UTC), VALID_DAYS)
    return {
        KEYSTORE: client_keystore(leaf, password),
        TRUSTSTORE: client_truststore([authority.certificate_pem], password),
    }
