"""Handshakes of the fake world: what brokers serve follows from files and from what they were told.

A broker reads its stores when it starts and when it is altered; what it then has is kept here.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from functools import cache

from certs.facts import describe
from certs.leaf import Leaf
from certs.own_stores import keystore_chain, truststore_authorities
from flows.adapters.kafka import Credentials
from flows.adapters.site import Tunnel
from flows.domain import paths
from flows.domain.errors import EffectFailed
from flows.domain.instance import UnitState
from flows.domain.served import ServedChain
from tests.world.effects import Effects, Fake
from tests.world.kafka import FakeZooKeeper
from tests.world.listeners import ports, setting
from tests.world.machines import FakeHost, FakeTunnel


class FakeTls(Fake):
    """Implements `Tls` with the stores that lie on the fake hosts."""

    def __init__(self, effects: Effects, zookeeper: FakeZooKeeper) -> None:
        self.effects = effects
        self._zookeeper = zookeeper
        self.wrong: dict[str, tuple[bytes, ...]] = {}
        """What addresses serve instead of what they were told, once a test says so."""
        self.rebuilt: dict[bytes, tuple[bytes, ...]] = {}
        """Certificate -> the chain that Java makes of its store, where that is another one."""
        self.refusing: set[str] = set()
        """Addresses, or `address:port`, that let no client in, whatever it shows."""
        self.careless: set[str] = set()
        """`address:port` that lets everybody in."""

    def served(
        self,
        address: str,
        port: int,
        *,
        server_name: str | None = None,
        client: Leaf | None = None,
        tunnel: Tunnel | None = None,
    ) -> ServedChain:
        """The chain in the store, as the broker read it; INTERNAL is seen from hosts alone."""
        host, listener = self._listener(address, port)
        if listener == "internal":
            _check_tunnel(tunnel, host, port)
        pems = self.wrong.get(address) or self.chain(host, listener)
        pems = self.rebuilt.get(pems[0], pems)
        facts = describe(pems[0])
        return ServedChain(pems, facts.serial, facts.not_after)

    def accepts(self, address: str, port: int, client: Leaf | None) -> bool:
        """Whether the broker trusts who signed the client's certificate."""
        host, listener = self._listener(address, port)
        if f"{address}:{port}" in self.careless:
            return True
        if self.refusing & {address, f"{address}:{port}"}:
            return False
        if self._setting(host, f"listener.name.{listener}.ssl.client.auth") != "required":
            return True
        if client is None:
            return False
        shown = describe(client.certificate_pem)
        refused = host.contents[paths.REVOKED_SERIALS].split()
        return shown.issuer in (self.trusted(host, listener) or ()) and (
            f"{shown.serial:x}" not in refused
        )

    def chain(self, host: FakeHost, listener: str) -> tuple[bytes, ...]:
        """What a listener of a running broker serves."""
        location = self._setting(host, f"listener.name.{listener}.ssl.keystore.location")
        if location is None:
            raise EffectFailed(f"{host.machine.name}: {listener} serves no certificate")
        password = self._setting(host, f"listener.name.{listener}.ssl.keystore.password")
        return _chain(host.read.get(location, host.contents[location]), password or "")

    def listener(self, address: str, port: int) -> str:
        """The listener of a running broker at that port, in small letters."""
        return self._listener(address, port)[1]

    def trusted(self, host: FakeHost, listener: str) -> frozenset[str] | None:
        """The subjects of the authorities that a listener trusts; None when it asks nobody."""
        location = self._setting(host, f"listener.name.{listener}.ssl.truststore.location")
        if location is None:
            return None
        password = self._setting(host, f"listener.name.{listener}.ssl.truststore.password")
        return _subjects(host.contents[location], password or "")

    def _setting(self, host: FakeHost, key: str) -> str | None:
        return setting(host, self._told(host), key)

    def _told(self, host: FakeHost) -> Mapping[str, str]:
        cluster = self._zookeeper.clusters[host.machine.name.rsplit("-", 2)[0]]
        return cluster.altered.get(host.machine.broker, {})

    def _listener(self, address: str, port: int) -> tuple[FakeHost, str]:
        for host in self._zookeeper.hosts.values():
            runs = host.running and host.kafka is UnitState.ACTIVE
            if runs and host.machine.address == address:
                name = ports(host, self._told(host)).get(port)
                if name:
                    return host, name.lower()
        raise EffectFailed(f"{address}:{port}: no TLS handshake: connection refused")


def _check_tunnel(tunnel: Tunnel | None, host: FakeHost, port: int) -> None:
    if not isinstance(tunnel, FakeTunnel) or (tunnel.host, tunnel.port) != (host, port):
        raise EffectFailed(f"{host.machine.address}:{port}: no TLS handshake: timed out")
    host.demand_answer()


def check_mutual_trust(tls: FakeTls, host: FakeHost, others: list[FakeHost]) -> None:
    """Brokers that run let each other in, and know each other."""
    trusted = tls.trusted(host, "internal")
    for other in others:
        issuer = issuer_of(tls.chain(other, "internal")[0])
        assert trusted is not None, f"{host.machine.name} trusts nobody"
        assert issuer in trusted, f"{host.machine.name} does not trust {other.machine.name}"


def check_product_is_let_in(tls: FakeTls, shown: Credentials, hosts: list[FakeHost]) -> None:
    """The product trusts what CONTROL serves, and is trusted there."""
    ours = issuer_of(shown.control_certificate_pem.encode())
    for host in hosts:
        served = issuer_of(tls.chain(host, "control")[0])
        trusted = tls.trusted(host, "control")
        assert trusted is not None, f"{host.machine.name} asks for no certificate"
        assert ours in trusted, f"{host.machine.name} locks us out"
        assert served in _subjects_in(shown.internal_ca_pem), f"{host.machine.name} is not trusted"


@cache
def issuer_of(pem: bytes) -> str:
    """Who signed a certificate."""
    return describe(pem).issuer


@cache
def _subjects_in(pem: str) -> frozenset[str]:
    parts = pem.encode().split(b"-----BEGIN")[1:]
    return frozenset(describe(b"-----BEGIN" + part).subject for part in parts)


@cache
def _chain(content: str, password: str) -> tuple[bytes, ...]:
    return keystore_chain(b64decode(content), password)


@cache
def _subjects(content: str, password: str) -> frozenset[str]:
    found = truststore_authorities(b64decode(content), password)
    return frozenset(describe(pem).subject for pem in found)
