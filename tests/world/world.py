"""The world: all fakes together, the rules that hold after every effect, and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.adapters.credentials import kafka_credentials
from flows.adapters.records.picture import picture
from flows.adapters.site import Doors
from flows.adapters.stage import PlainStage
from flows.domain.instance import Status, UnitState
from flows.domain.operations import Caller, Door, Run
from flows.domain.providers import no_provider
from flows.monitoring.check_health import sweep
from flows.procedures.conduct import conduct
from flows.procedures.operation import Operation, Outcome
from flows.procedures.service import ServiceOperation, serve
from tests.world.clock import FakeClock
from tests.world.effects import Effects, Fake, changes
from tests.world.gateways import FakeGateways
from tests.world.kafka import LISTS_NEEDED, FakeKafka, FakeZooKeeper
from tests.world.machines import FakeAnsible, FakeBoots, FakeHost, FakeHosts, FakeProvider
from tests.world.probe import FakeProbes
from tests.world.records import FakeRecords
from tests.world.secrets import FakeSecrets
from tests.world.tls import FakeTls, check_mutual_trust, check_product_is_let_in
from tests.world.uploads import FakeUploads
from tests.world.vantages import FakeVantages


class FakeProcesses:
    """Implements `Processes`: runs live until the test says otherwise."""

    def __init__(self) -> None:
        self.dead: set[str] = set()

    def here(self, run_id: str, link: str) -> Run:
        """A run of this world."""
        return Run(run_id, link, "boot", 1, 1)

    def alive(self, run: Run) -> bool:
        """Whether nobody killed it."""
        return run.id not in self.dead


class FakeDistributions(Fake):
    """Implements `Distributions`."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects

    @changes
    def tarball(self, name: str) -> Path:
        """A name is enough here; building one can fail."""
        return Path(f"/tarballs/{name}-0.tar")


class World:
    """Everything an operation can touch."""

    def __init__(self, provider: type[FakeProvider] = FakeProvider) -> None:
        self.hosts_hold_stores = True
        """False in a scene that plays on hosts without what creation brings them."""
        self.effects = Effects(check=self.check)
        self.clock = FakeClock()
        self.processes = FakeProcesses()
        self.provider = provider(self.effects)
        self.records = FakeRecords(self.effects, self.processes.alive, self.clock.now)
        self.secrets = FakeSecrets(self.effects, self.clock.now)
        self.uploads = FakeUploads()
        self.distributions = FakeDistributions(self.effects)
        self.hosts = FakeHosts(self.effects, self.provider)
        self.boots = FakeBoots(self.effects, self.provider)
        self.ansible = FakeAnsible(self.effects, self.provider)
        self.zookeeper = FakeZooKeeper(self.effects, self.provider)
        self.kafka = FakeKafka(self.effects, self.zookeeper)
        self.probes = FakeProbes(self.effects, self.clock)
        self.tls = FakeTls(self.effects, self.zookeeper)
        self.vantages = FakeVantages(self.effects, self.provider, self.zookeeper, self.tls)
        self.gateways = FakeGateways(self.effects, self.provider)
        self.stage = PlainStage()
        self._runs = 0

    def doors(self) -> Doors:
        """The adapters of a control plane, all of them fakes."""
        return Doors(
            clock=self.clock,
            providers=(self.provider.name,),
            provider=self._provider_named,
            records=self.records,
            secrets=self.secrets,
            uploads=self.uploads,
            processes=self.processes,
            distributions=self.distributions,
            ansible=lambda instance_id, say: self.ansible,
            hosts=lambda instance_id: self.hosts,
            boots=lambda instance_id: self.boots,
            zookeeper=self.zookeeper,
            kafka=self.kafka,
            probes=self.probes,
            tls=self.tls,
            vantages=lambda name: self.vantages,
            gateways=lambda name: self.gateways,
        )

    def _provider_named(self, name: str) -> FakeProvider:
        if name not in ("", self.provider.name):
            raise no_provider(name, (self.provider.name,))
        return self.provider

    def ask(
        self,
        operation: Operation[Any, Any],
        wish: Mapping[str, Any],
        who: str = "ada",
        stage: PlainStage | None = None,
    ) -> Outcome:
        """The operation is conducted by a run of its own; it is gone afterwards."""
        self._runs += 1
        run = self.processes.here(f"run-{self._runs}", f"link-{self._runs}")
        self.stage = stage or PlainStage()
        caller = Caller(who, Door.PYTHON, run)
        try:
            return conduct(operation, self.doors(), wish, caller, self.stage)
        finally:
            self.processes.dead.add(run.id)

    def serve(
        self, operation: ServiceOperation[Any, Any], wish: Mapping[str, Any], who: str = "ada"
    ) -> Outcome:
        """The operation on the service is served by a run of its own; it is gone afterwards."""
        self._runs += 1
        run = self.processes.here(f"run-{self._runs}", f"link-{self._runs}")
        self.stage = PlainStage()
        try:
            return serve(operation, self.doors(), wish, Caller(who, Door.PYTHON, run), self.stage)
        finally:
            self.processes.dead.add(run.id)

    def sweep(self) -> str:
        """The health sweep of this minute."""
        return sweep(self.doors())

    def check(self) -> None:
        """What must hold after every effect."""
        running = [row for row in self.records.operations.values() if not row.finished]
        held = [row.instance_id for row in running if row.held and row.status == "running"]
        assert len(held) == len(set(held)), "two operations hold one instance"
        names = [row.wish.name for row in self.records.living()]
        assert len(names) == len(set(names)), "two living instances have one name"
        for host in self.provider.hosts.values():
            self._check_host(host.machine.name, host.kafka, host.zookeeper)
        self._check_trust()
        for shown in self.ansible.shown:
            assert not [secret for secret in self._passwords() if secret in shown]

    def _check_trust(self) -> None:
        """Nobody who runs is locked out: neither a broker by another, nor the product."""
        if not self.hosts_hold_stores:
            return
        runs: dict[str, list[FakeHost]] = {}
        for host in self.provider.hosts.values():
            if host.running and host.kafka is UnitState.ACTIVE:
                runs.setdefault(host.machine.name.rsplit("-", 2)[0], []).append(host)
        for owner, hosts in runs.items():
            for host in hosts:
                check_mutual_trust(self.tls, host, hosts)
            row = self.records.rows[owner]
            check_product_is_let_in(
                self.tls, kafka_credentials(self.secrets, picture(row, ())), hosts
            )

    def _check_host(self, name: str, kafka: UnitState, zookeeper: UnitState) -> None:
        owner = name.rsplit("-", 2)[0]
        row = self.records.rows.get(owner)
        assert row is not None, f"{name} belongs to no instance"
        assert row.status is not Status.DELETED, f"{name} outlives its instance"
        if kafka is UnitState.ACTIVE:
            written = self.zookeeper.nodes.get(owner, {})
            assert all(path in written for path in LISTS_NEEDED), f"{name}: Kafka before its ACLs"

    def _passwords(self) -> list[str]:
        return [value for (_, name), value in self.secrets.kept.items() if "password" in name]
