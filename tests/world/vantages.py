"""Vantages of the fake world: what a client reaches follows from EIPs, endpoints and rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, UnitState
from flows.domain.listeners import Protocol
from flows.domain.security_groups import lets_through
from flows.domain.vantage import Address, Answer, Network, Stage
from tests.world.effects import Effects, Fake
from tests.world.kafka import FakeZooKeeper
from tests.world.machines import FakeHost, FakeProvider
from tests.world.tls import FakeTls

SEEN_AS = {
    Network.LAN: "198.18.0.3/32",
    Network.OUTSIDE: "192.0.2.10/32",
    Network.ENDPOINT: "198.19.128.250/32",
}
"""As whom security groups see the vantage of a network."""


class FakeVantages(Fake):
    """Implements `Vantages`.

    `names` is what name servers say, `missing` the networks without a vantage, `silent` those
    whose vantage does not answer. `closed` are ports that a broker (its address) does not serve,
    `uncertified` hosts that no certificate covers. `in_between` is host -> the chain that
    somebody on the way serves there instead of the broker's.
    """

    def __init__(
        self, effects: Effects, provider: FakeProvider, zookeeper: FakeZooKeeper, tls: FakeTls
    ) -> None:
        self.effects = effects
        self.provider = provider
        self.zookeeper = zookeeper
        self.tls = tls
        self.in_between: dict[str, tuple[bytes, ...]] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        self.missing: set[Network] = set()
        self.silent: set[Network] = set()
        self.closed: set[tuple[str, int]] = set()
        self.uncertified: set[str] = set()
        self.asked: list[tuple[Network, int]] = []
        """Every question: where, and how many addresses it was about."""

    def of(self, network: Network) -> FakeVantage | None:
        """The one in that network."""
        return None if network in self.missing else FakeVantage(network, self)


class FakeVantage:
    """Implements `Vantage`."""

    def __init__(self, network: Network, world: FakeVantages) -> None:
        self.network = network
        self.words = f"the fake vantage in {network}"
        self._world = world

    def ask(self, instance: Instance, addresses: Sequence[Address]) -> tuple[Answer, ...]:
        """What answers follows from the world alone."""
        if self.network in self._world.silent:
            raise EffectFailed(f"{self.words} does not answer")
        self._world.asked.append((self.network, len(addresses)))
        return tuple(self._look(instance, address) for address in addresses)

    def _look(self, instance: Instance, address: Address) -> Answer:
        resolved = self._resolved(address.host)
        if not resolved:
            words = f"the name {address.host} does not resolve here"
            return Answer(address, Stage.RESOLVE, words)
        answers = [self._talk(instance, address, meaning) for meaning in resolved]
        found = next((answer for answer in answers if answer.reason), answers[0])
        return Answer(
            address,
            found.stage,
            found.reason,
            resolved,
            found.answered_by,
            found.instance,
            served=found.served,
        )

    def _resolved(self, host: str) -> tuple[str, ...]:
        return self._world.names.get(host, () if host[0].isalpha() else (host,))

    def _talk(self, instance: Instance, address: Address, meaning: str) -> Answer:
        host = self._behind(meaning, address.port)
        if host is None or host.kafka is not UnitState.ACTIVE or (
            (host.machine.address, address.port) in self._world.closed
            or not self._let_through(host, address.port)
        ):  # fmt: skip
            return Answer(
                address, Stage.CONNECT, f"nobody answers at {meaning}:{address.port} within 6 s"
            )
        if address.host in self._world.uncertified and address.protocol != "PLAINTEXT":
            words = f"the certificate that is served there is not for {address.host}"
            return Answer(address, Stage.TLS, words)
        owner, number = host.owner or "", host.machine.broker
        reason = None
        if owner != instance.id:
            reason = f"broker {number} of another instance, {owner}, answers there"
        elif number != address.broker:
            reason = f"broker {number} answers there"
        stage = Stage.RIGHT if reason is None else Stage.BROKER
        served = self._served(address, host)
        return Answer(address, stage, reason, answered_by=number, instance=owner, served=served)

    def _let_through(self, host: FakeHost, port: int) -> bool:
        """Whether the security group of the machine does."""
        provider = self._world.provider
        rules = provider.groups[provider.group_of(host.machine.name)]
        return lets_through(rules, SEEN_AS[self.network], port)

    def _served(self, address: Address, host: FakeHost) -> tuple[str, ...]:
        if address.protocol is Protocol.PLAINTEXT:
            return ()
        listener = self._world.tls.listener(host.machine.address, address.port)
        found = self._world.in_between.get(address.host) or self._world.tls.chain(host, listener)
        return tuple(pem.decode() for pem in found)

    def _behind(self, address: str, port: int) -> FakeHost | None:
        """Who is reached at an address: a machine's own, or where a translation leads."""
        for place in self._translated(address, port):
            for host in self._world.provider.hosts.values():
                if host.running and place in (host.machine.address, host.machine.name):
                    return host
        return None

    def _translated(self, address: str, port: int) -> Iterator[str]:
        provider = self._world.provider
        if self.network is Network.OUTSIDE:
            yield from filter(None, [provider.led_to(address, port)])
        elif self.network is Network.ENDPOINT:
            yield from filter(None, [provider.endpoints_of_test.get(address)])
        yield address
