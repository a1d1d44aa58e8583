"""Looking: one call makes the frozen picture of an instance that plans are made from."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from flows.adapters.records.picture import picture
from flows.adapters.site import Doors, InstanceRow, Provider, Records, Site
from flows.domain.cluster import ClusterState
from flows.domain.errors import EffectFailed
from flows.domain.flavors import FLAVORS
from flows.domain.impact import groups_may_wait
from flows.domain.instance import (
    Broker,
    HostState,
    Instance,
    Machine,
    Status,
    UnitState,
    host_name,
    machine_name,
    zone_of,
    zones_of,
)
from flows.domain.machines import MachineOrder
from flows.domain.operations import OperationStatus
from flows.domain.progress import pace_of
from flows.domain.surroundings import Surroundings
from flows.domain.wish import Wish
from flows.steps.hosts import on_each


def observe(site: Site, row: InstanceRow) -> Instance:
    """The instance as records, hosts, ZooKeeper and the provider show it now."""
    instance = surveyed(site, remembered(site, row))
    machines = [broker.machine for broker in instance.brokers if broker.machine is not None]
    states = dict(zip(machines, on_each(site.hosts.observe, machines), strict=True))
    cluster = cluster_state(site, instance) if machines else None
    registered = frozenset(cluster.registrations if cluster else ())
    return replace(
        instance,
        brokers=tuple(
            _sized(site, _seen(broker, states, registered)) for broker in instance.brokers
        ),
        controller=cluster.controller if cluster else None,
        zookeeper_leader=_zookeeper_leader(site, instance) if machines else None,
        cluster=cluster,
        settled_wish=settled_wish(site.records, row),
        seconds_per_broker=pace_of(site.records.history(row.id)),
        allowance=site.records.allowance(row.id),
        storage_growths=storage_growths(site.records, row.id),
    )


def with_groups(site: Site, instance: Instance) -> Instance:
    """The instance with its consumer groups, where a roll would let some of them wait."""
    state = instance.cluster
    if state is None or not state.registrations or not groups_may_wait(state):
        return instance
    # A plan is worth having without them; it says that they are not known, and why.
    try:
        return replace(instance, groups=site.kafka.groups(instance))
    except EffectFailed as silence:
        return replace(instance, groups_unknown=str(silence))


def _zookeeper_leader(site: Site, instance: Instance) -> int | None:
    """Asked only where machines may restart; brokers alone do not touch ZooKeeper."""
    around = instance.surroundings
    return site.zookeeper.leader(instance) if around and around.restarts_to_resize else None


def with_clients(site: Site, instance: Instance) -> Instance:
    """The instance with whoever asked its brokers for something lately."""
    machines = [
        broker.machine
        for broker in instance.brokers
        if broker.machine and broker.host and broker.host.kafka is UnitState.ACTIVE
    ]
    told = on_each(site.hosts.clients, machines)
    return replace(instance, clients=tuple(client for seen in told for client in seen))


def settled_wish(records: Records, row: InstanceRow) -> Wish | None:
    """The wish that the last successful operation left behind; None before there was one.

    An instance at rest is as it was wished, even if the end of its last change was not noted.
    """
    if row.status in (Status.RUNNING, Status.FAULTY):
        return row.wish
    ended = [
        line.epoch
        for line in records.history(row.id)
        if line.held and line.status is OperationStatus.SUCCESSFUL
    ]
    if not ended:
        return None
    first, *others = records.wishes(row.id)
    reached = [each for each in others if (each.operation or 0) <= max(ended)]
    return (reached[-1] if reached else first).wish


def storage_growths(records: Records, instance_id: str) -> int:
    """How often an instance was wished with more storage per broker than before."""
    sizes = [each.wish.storage_per_broker for each in records.wishes(instance_id)]
    return sum(after > before for before, after in pairwise(sizes))


def observe_by_id(site: Site) -> Instance:
    """The instance that this site belongs to, as everybody shows it now."""
    return observe(site, _row(site))


def remembered_by_id(site: Site) -> Instance:
    """The instance that this site belongs to, from records and provider alone."""
    return remembered(site, _row(site))


def _row(site: Site) -> InstanceRow:
    row = site.records.find(site.instance_id)
    if row is None:
        raise EffectFailed(f"instance {site.instance_id} is not in the records any more")
    return row


def remembered(site: Site | Doors, row: InstanceRow) -> Instance:
    """The instance as records and provider know it; nobody else was asked."""
    instance = picture(row, site.records.machines(row.id))
    provider = site.provider if isinstance(site, Site) else site.provider(row.wish.provider)
    around = surroundings(provider, row.wish)
    zones = zones_of(instance.brokers, around.zones, row.wish.availability_zones)
    return replace(
        instance,
        brokers=tuple(_with_zone(broker, zones) for broker in instance.brokers),
        control_address=provider.control_address(),
        client_network=provider.client_network(),
        surroundings=around,
    )


def surveyed(site: Site, instance: Instance) -> Instance:
    """The instance with the objections of a provider that looked for machines still needed."""
    missing = [broker for broker in instance.brokers if broker.machine is None]
    around = instance.surroundings
    if not missing or around is None or instance.status not in (Status.CREATING, Status.CHANGING):
        return instance
    found = site.provider.survey([machine_order(instance, broker) for broker in missing])
    objections = (*around.objections, *found)
    return replace(instance, surroundings=replace(around, objections=objections))


def surroundings(provider: Provider, wish: Wish) -> Surroundings:
    """What the provider says before anything is asked of it."""
    return Surroundings(
        provider=provider.words,
        zones=provider.zones(),
        free=provider.room(),
        need_per_machine=provider.need(_any_order(wish)),
        objections=provider.objections(wish),
        keeps_machines=provider.keeps_machines,
        restarts_to_resize=provider.restarts_to_resize,
        needs={
            name: provider.need(_any_order(wish.model_copy(update={"flavor": name})))
            for name in FLAVORS
        },
    )


def machine_order(
    instance: Instance, broker: Broker, authorized_key: str = "", epoch: int = 0
) -> MachineOrder:
    """The machine that a broker needs; one that replaces another takes its address over."""
    generation = instance.wish.machine_of(broker.id)
    return replace(
        _any_order(instance.wish),
        name=machine_name(instance.id, broker.id, generation),
        address=broker.address if generation > 1 else None,
        host_name=host_name(instance.id, broker.id),
        zone=broker.zone,
        authorized_key=authorized_key,
        epoch=epoch,
    )


def _any_order(wish: Wish) -> MachineOrder:
    flavor = wish.flavor_row
    return MachineOrder(
        name="",
        host_name="",
        zone="",
        vcpus=flavor.vcpus,
        memory_gb=flavor.memory_gb,
        disk_gb=wish.storage_per_broker,
        authorized_key="",
    )


def _with_zone(broker: Broker, zones: tuple[str, ...]) -> Broker:
    return replace(broker, zone=broker.zone or zone_of(broker.id, zones))


def _seen(
    broker: Broker, states: dict[Machine, HostState | None], registered: frozenset[int]
) -> Broker:
    if broker.machine is None:
        return broker
    return replace(broker, host=states[broker.machine], registered=broker.id in registered)


def _sized(site: Site, broker: Broker) -> Broker:
    size = site.provider.size(broker.machine.name) if broker.machine else None
    return replace(broker, size=size)


def cluster_state(site: Site, instance: Instance) -> ClusterState | None:
    """What ZooKeeper holds of the cluster; None before its ensemble serves."""
    # That nobody serves is an answer, not a failure.
    try:
        return site.zookeeper.state(instance)
    except EffectFailed:
        return None
