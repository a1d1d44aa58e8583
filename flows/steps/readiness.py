"""Gates around the stop and the start of one broker: asked of ZooKeeper, which knows first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flows.adapters.site import Site
from flows.domain import gates
from flows.domain.cluster import ClusterState
from flows.domain.firewall import open_to_product
from flows.domain.instance import Broker, Instance
from flows.domain.rolling import AtRisk, restarts_machine
from flows.steps.hosts import on_each
from flows.steps.one_broker import ClosedDoor
from flows.steps.waiting import SHORT_SECONDS, Gate, steady

CALM_SECONDS = 120.0
"""How long the others may take to get into a state in which one of them can be stopped."""
LOOKS = 3
"""A broker that has just come back can lose its place again: so often it must be seen there."""
BACK_SECONDS = 180.0
"""How long a broker may take to start, and replication to stand still."""


def safe_to_stop(instance: Instance, broker: Broker, at_risk: AtRisk) -> Gate:
    """The others serve everything, and nothing is felt but a moved leader when this one goes."""
    others = [each.id for each in instance.brokers if each.id != broker.id]

    def reason(site: Site) -> str | None:
        state = site.zookeeper.state(instance)
        return (
            _quorum(site, instance, broker)
            or gates.unregistered(others, state.registrations)
            or gates.reassignment_running(state)
            or gates.others_out_of_sync(broker.id, state)
            or gates.too_few_left(broker.id, state, accepted=at_risk is AtRisk.ACCEPT)
            or _ignorant(site, instance, others, state)
        )

    return Gate(f"broker {broker.id} can be spared", CALM_SECONDS, reason, _replication(instance))


def broker_back(instance: Instance, broker: Broker, before: int | None, door: ClosedDoor) -> Gate:
    """The broker has a new registration, knows all topics and is in every in-sync set.

    Until then the door of its clients is kept closed.
    """

    def reason(site: Site) -> str | None:
        door.renew()
        state = site.zookeeper.state(instance)
        return gates.not_back(broker.id, before, state) or gates.unknown_to_broker(
            broker.id, site.kafka.cluster_as_seen_by(instance, broker.id), state
        )

    return Gate(
        f"broker {broker.id} is back in every in-sync set", BACK_SECONDS, reason,
        _replication(instance),
    )  # fmt: skip


def listeners_answer(instance: Instance, broker: Broker) -> Gate:
    """Every listener of the broker answers, at which clients or the product get in.

    INTERNAL is the brokers' own: a broker that were deaf there would be in no in-sync set.
    """

    def reason(site: Site) -> str | None:
        for listener in open_to_product(instance, broker):
            site.kafka.check_answers(broker, listener)
        return None

    return Gate(f"broker {broker.id} answers on every listener", CALM_SECONDS, reason)


def registered_anew(
    instance: Instance, broker: Broker, before: int | None, door: ClosedDoor
) -> Gate:
    """The broker has a new registration; the door of its clients is kept closed meanwhile."""

    def reason(site: Site) -> str | None:
        door.renew()
        return gates.not_registered(broker.id, before, site.zookeeper.registrations(instance))

    return Gate(f"broker {broker.id} has registered itself anew", BACK_SECONDS, reason)


def leaders_back(instance: Instance, broker: Broker) -> Gate:
    """The broker leads what it should and is in sync everywhere, at several looks in a row."""

    def reason(site: Site) -> str | None:
        state = site.zookeeper.state(instance)
        return gates.not_leading(broker.id, state) or gates.not_in_sync(broker.id, state)

    words = f"broker {broker.id} leads what it should"
    return steady(Gate(words, CALM_SECONDS, reason, pause_seconds=SHORT_SECONDS), LOOKS)


def all_lead(instance: Instance) -> Gate:
    """Every broker leads what it should."""

    def reason(site: Site) -> str | None:
        state = site.zookeeper.state(instance)
        reasons = (gates.not_leading(broker.id, state) for broker in instance.brokers)
        return next((each for each in reasons if each), None)

    return Gate("every broker leads what it should", CALM_SECONDS, reason)


def all_in_sync(instance: Instance) -> Gate:
    """Every broker is registered, and every partition has a leader and all its replicas."""
    expected = [broker.id for broker in instance.brokers]

    def reason(site: Site) -> str | None:
        state = site.zookeeper.state(instance)
        return gates.unregistered(expected, state.registrations) or gates.out_of_sync(state)

    return Gate(
        "every broker is in every in-sync set", BACK_SECONDS, reason, _replication(instance)
    )


def _quorum(site: Site, instance: Instance, broker: Broker) -> str | None:
    """Whether ZooKeeper has its majority, also without the broker's machine if that restarts."""
    serving = site.zookeeper.serving(instance)
    if broker.id in serving and restarts_machine(instance, broker):
        return gates.quorum_at_risk(serving)
    return gates.quorum_lost(serving)


def _ignorant(
    site: Site, instance: Instance, brokers: Iterable[int], state: ClusterState
) -> str | None:
    """Whether each of the brokers answers, and knows what there is."""

    def asked(broker: int) -> str | None:
        seen = site.kafka.cluster_as_seen_by(instance, broker)
        return gates.unknown_to_broker(broker, seen, state)

    return next((reason for reason in on_each(asked, brokers) if reason), None)


def _replication(instance: Instance) -> Callable[[Site], object]:
    """How far replication is: changes as long as brokers come back and replicas grow."""

    def place(site: Site) -> object:
        state = site.zookeeper.state(instance)
        lagging = {
            broker.id: [part.name for part in gates.absent_from(broker.id, state)]
            for broker in instance.brokers
        }
        sizes = on_each(lambda broker: _bytes(site, broker, lagging[broker.id]), instance.brokers)
        return sorted(state.registrations), lagging, sizes

    return place


def _bytes(site: Site, broker: Broker, partitions: list[str]) -> tuple[int, ...]:
    if broker.machine is None or not partitions:
        return ()
    return site.hosts.partition_bytes(broker.machine, partitions)
