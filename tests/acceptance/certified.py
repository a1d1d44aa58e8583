"""What clients of certificates have and do: whom they trust, what they show, who is let in."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from certs.facts import CertificateFacts, describe
from tests.acceptance.parts import PASSWORD, Secured, in_namespace
from tests.acceptance.plane import Plane
from tests.acceptance.slowing import slowed
from tests.acceptance.under_load import engine


@dataclass(frozen=True)
class Trusting(Secured):
    """The instance as a client sees it that trusts one authority alone."""

    authority: Path

    def settings(self, user: str = "alice", password: str = PASSWORD) -> dict[str, str]:
        """A librdkafka client's connection."""
        return {**super().settings(user, password), "ssl.ca.location": str(self.authority)}


def trusting(secured: Secured, directory: Path, *, newest: bool) -> Trusting:
    """A client with the newest authority of the bundle alone, or with the oldest."""
    directory.mkdir(exist_ok=True)
    bundle = directory / "their-bundle"
    secured.plane.succeeds("bundle", secured.name, "-o", str(bundle))
    pems = (bundle / "phy_ca.crt").read_text().split("-----BEGIN")[1:]
    authority = directory / "trusted.pem"
    authority.write_text(f"-----BEGIN{pems[-1 if newest else 0]}")
    return Trusting(secured.plane, directory, secured.name, authority)


def chains(secured: Secured, port: int = 9093) -> dict[int, tuple[bytes, ...]]:
    """Broker -> the whole chain that it serves at its own address."""
    tls = secured.plane.doors.tls
    return {each.id: tls.served(str(each.address), port).pems for each in secured.instance.brokers}


def differing(before: Mapping[int, object], after: Mapping[int, object]) -> set[int]:
    """The brokers for which something else is found than before."""
    return {number for number, found in after.items() if found != before[number]}


def internal_certificates(secured: Secured) -> dict[int, CertificateFacts]:
    """Broker -> what it shows other brokers; nobody but they may ask, so its own host does."""
    return {
        broker.id: _shown_at(
            secured.plane.machine_namespace(broker.machine.name), f"{broker.address}:9090"
        )
        for broker in secured.instance.brokers
        if broker.machine
    }


def cut_among_brokers(secured: Secured) -> None:
    """Every connection of one broker to another ended; open ones would prove no new trust."""
    for machine in secured.plane.instance_machines(secured.name):
        done = in_namespace(
            secured.plane.machine_namespace(machine.name),
            "ss", "--kill", "--tcp", "--numeric", "--no-header",
            "state", "established", "dport", "=", ":9090",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert ":9090" in done.stdout, f"{machine.name} had no connection to another broker"


def _shown_at(namespace: str, place: str) -> CertificateFacts:
    # It shows what was sent also when the handshake fails, as it does without our certificate.
    done = in_namespace(namespace, "openssl", "s_client", "-connect", place, input="")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    assert begin in done.stdout, f"{place}: {done.stderr}"
    body = done.stdout.split(begin, 1)[1].split(end, 1)[0]
    return describe(f"{begin}{body}{end}\n".encode())


def certificate_of(plane: Plane, user: str, target: Path) -> Path:
    """The bundle of a certificate that was issued to this user; it is handed out once."""
    plane.ask("issue-client-certificate", "instance=demo", f"user={user}")
    plane.succeeds("client-certificate", "demo", user, "-o", str(target))
    assert target.stat().st_mode & 0o777 == 0o700
    again = plane.fleet("client-certificate", "demo", user, "-o", str(target / "again"))
    assert (again.returncode, "each is handed out once" in again.stderr) == (2, True)
    return target


def switch_mutual_tls(plane: Plane, mutual_tls: str) -> None:
    """By an approved plan: who is connected changes from minute to minute in a story like this."""
    wish = ("set-mutual-tls", "instance=demo", f"mutual_tls={mutual_tls}")
    for _ in range(3):
        shown = plane.json("run", *wish, "plan_only=true")
        done = plane.fleet("run", *wish, f"approved_plan={shown['result']['plan']}")
        if done.returncode != 2:
            break
    assert done.returncode == 0, done.stderr


def by_certificate(servers: str, bundle: Path) -> dict[str, str]:
    """A librdkafka client's connection to these servers, by the certificate in that bundle."""
    return {
        "bootstrap.servers": servers,
        "security.protocol": "SSL",
        "ssl.ca.location": str(bundle / "phy_ca.crt"),
        "ssl.certificate.location": str(bundle / "client.crt"),
        "ssl.key.location": str(bundle / "client.key"),
    }


def without_certificate(servers: str, bundle: Path) -> dict[str, str]:
    """The same, of a client that has nothing to show."""
    own = ("ssl.certificate.location", "ssl.key.location")
    settings = by_certificate(servers, bundle)
    return {key: value for key, value in settings.items() if key not in own}


def killed_after(plane: Plane, wish: tuple[str, ...], title: str, times: int = 1) -> None:
    """The engine of the operation on `demo` dies once a step of this title has ended so often."""
    process = plane.start("run", *wish)
    assert process.stdout is not None
    try:
        with slowed(plane, "demo"):
            for line in process.stdout:
                times -= line.strip().startswith(title)
                if times == 0:
                    os.kill(engine(plane, "demo"), signal.SIGKILL)
                    break
        process.communicate(timeout=300)
    finally:
        process.kill()
    assert times == 0, f"{title}: it was not seen so often"
