"""Probing while brokers go and come back: what clients felt is measured, kept and judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flows.adapters.site import Probe, Site
from flows.domain.cluster import PROBE_TOPIC, ClusterState
from flows.domain.errors import EffectFailed, ServiceError
from flows.domain.instance import Broker, Instance
from flows.domain.probing import (
    Measured,
    ProbeEnd,
    as_data,
    as_page,
    measured,
    not_calm,
    over_budget,
)
from flows.steps.ensemble import renew_probe_password
from flows.steps.observation import cluster_state
from flows.steps.step import step
from flows.steps.waiting import SHORT_SECONDS, Gate

CALM_LIMIT_SECONDS = 120.0


class Watch:
    """What a probe sees of each broker's turn; nothing where there is no probe."""

    def __init__(self, site: Site, probe: Probe | None) -> None:
        self._site = site
        self._probe = probe
        self.found: list[Measured] = []

    @contextmanager
    def measuring(self, broker: Broker) -> Iterator[None]:
        """What clients feel inside counts for this broker, also when its turn fails."""
        began = self._site.clock.monotonic()
        try:
            yield
        finally:
            if self._probe is not None:
                self.found.append(measured(broker.id, self._probe.seen(), began))

    def calm(self) -> Gate:
        """Clients have been served for a while now without a long gap."""
        since = self._site.clock.monotonic()

        def reason(_: Site) -> str | None:
            return None if self._probe is None else not_calm(self._probe.seen(), since)

        words = "clients are served calmly"
        return Gate(words, CALM_LIMIT_SECONDS, reason, pause_seconds=SHORT_SECONDS)

    def check_budget(self, budget: float, left: Iterable[int]) -> None:
        """EffectFailed when clients of the last broker waited longer, and others are left."""
        reason = over_budget(self.last, budget, left) if self.last else None
        if reason:
            raise EffectFailed(reason)

    @property
    def last(self) -> Measured | None:
        """What was felt of the broker that had its turn last."""
        return self.found[-1] if self.found else None

    def end(self) -> ProbeEnd | None:
        """The probe has ended."""
        return None if self._probe is None else self._probe.finish()


@contextmanager
def probing(site: Site, instance: Instance) -> Iterator[Watch]:
    """A client writes and reads meanwhile; what it felt is in the report, whatever happens."""
    watch = Watch(site, _started(site, instance))
    try:
        yield watch
    finally:
        _keep(site, watch)


def _started(site: Site, instance: Instance) -> Probe | None:
    state = cluster_state(site, instance)
    if not _can_be_probed(state):
        words = (
            "The brokers could not be probed when the roll began: what clients felt is not known."
        )
        site.findings.sections.append(words + "\n")
        site.stage.say(words)
        return None
    renew_probe_password(site, instance)
    return start_probe(site, instance)


@step("begin to write and read as a client")
def start_probe(site: Site, instance: Instance) -> Probe:
    """A probe is under way through the listener that clients use."""
    return site.probes.start(instance)


def _can_be_probed(state: ClusterState | None) -> bool:
    """Whether every partition of the probe's topic can be written with acks=all."""
    own = [part for part in state.partitions if part.topic == PROBE_TOPIC] if state else []
    return bool(own) and all(part.leader and len(part.in_sync) > 1 for part in own)


def _keep(site: Site, watch: Watch) -> None:
    # What went wrong before matters more than a probe that cannot tell its sums.
    try:
        end = watch.end()
    except ServiceError as failure:
        site.findings.sections.append(f"{failure}\n")
        return
    if end is not None:
        site.findings.data["probe"] = as_data(watch.found, end)
        site.findings.sections.append(as_page(watch.found, end))
