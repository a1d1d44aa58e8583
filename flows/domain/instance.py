"""The frozen picture of one Kafka cluster: what is wished and what was observed just now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from flows.domain.access_seen import AccessSeen
from flows.domain.cluster import ClusterState
from flows.domain.dnat import Edge
from flows.domain.listeners import Listener, ListenerName, creation_listeners, public_listener
from flows.domain.machines import MachineSize
from flows.domain.quotas import Allowance
from flows.domain.seen_clients import SeenClient
from flows.domain.surroundings import Surroundings
from flows.domain.uploaded import Upload
from flows.domain.wish import Wish

ENSEMBLE = 3
"""ZooKeeper nodes of an instance; they live on the machines of brokers 1 to 3."""


class Status(StrEnum):
    """The life of an instance (SPEC 1.2)."""

    CREATING = "Creating"
    RUNNING = "Running"
    FAULTY = "Faulty"
    RESTARTING = "Restarting"
    CHANGING = "Changing"
    CHANGE_FAILED = "Change failed"
    DELETING = "Deleting"
    DELETED = "Deleted"


class UnitState(StrEnum):
    """What systemd says of a unit on a host."""

    ABSENT = "absent"
    INACTIVE = "inactive"
    ACTIVE = "active"
    FAILED = "failed"


@dataclass(frozen=True)
class Machine:
    """A machine of an instance as the records and the provider know it.

    `user` and `port` are the SSH login; a user other than root becomes root by sudo.
    """

    name: str
    broker: int
    generation: int
    address: str
    zone: str
    host_key: str
    data_device: str = "/dev/vdb"
    user: str = "root"
    port: int = 22

    @property
    def known_as(self) -> str:
        """What SSH calls the host in lists of known keys."""
        return self.address if self.port == 22 else f"[{self.address}]:{self.port}"


@dataclass(frozen=True)
class HostState:
    """What one SSH round trip told; `digests` is path -> SHA-256 of what is applied."""

    owner: str | None = None
    epoch: int = 0
    zookeeper: UnitState = UnitState.ABSENT
    kafka: UnitState = UnitState.ABSENT
    kafka_started: float | None = None
    started_generation: int = 0
    distributions: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    default_gateway: str = ""
    """Where its answers to other networks go; empty when it has no default route."""
    disk_mounted: bool = True
    memory_used_mb: int = 0
    disk_total_bytes: int = 0
    disk_used_bytes: int = 0


@dataclass(frozen=True)
class Broker:
    """One broker with its place, its machine and what was seen of it."""

    id: int
    zone: str
    address: str | None = None
    machine: Machine | None = None
    host: HostState | None = None
    registered: bool = False
    size: MachineSize | None = None
    """What the provider says of its machine; None when that was not asked."""

    @property
    def has_zookeeper(self) -> bool:
        """Whether a node of the ensemble shares its machine."""
        return self.id <= ENSEMBLE


@dataclass(frozen=True)
class Instance:
    """One instance: its identity, its wish and the brokers as they were observed."""

    id: str
    organization: str
    wish: Wish
    status: Status
    revision: int = 1
    settled_wish: Wish | None = None
    """The wish as the last operation that succeeded left it; None before there was one."""
    brokers: tuple[Broker, ...] = ()
    controller: int | None = None
    zookeeper_leader: int | None = None
    """The broker whose machine carries the ensemble's leader, where machines may restart."""
    control_address: str = ""
    client_network: str = ""
    surroundings: Surroundings | None = None
    allowance: Allowance = field(default_factory=Allowance)
    cluster: ClusterState | None = None
    groups: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Consumer group -> topics; asked only for a plan of a roll that groups may feel."""
    clients: tuple[SeenClient, ...] = ()
    """Who asked its brokers for something lately; asked only where a plan cuts clients off."""
    edge: Edge | None = None
    """What lies before the instance; asked only for a plan that translates addresses."""
    access_seen: AccessSeen | None = None
    """How clients come in, as it was seen; asked only where that is to be compared."""
    upload: Upload | None = None
    """What a request to replace certificates brought, and what an earlier one did."""
    stores_gone: tuple[str, ...] = ()
    """Where the stores from before a change are kept no more; asked only by who goes back."""
    groups_unknown: str = ""
    """Why nobody knows the groups."""
    seconds_per_broker: float | None = None
    """What a broker's turn took in the last rolls; None before there was one."""
    storage_growths: int = 0
    """How often the storage of each broker was made larger."""

    @property
    def name(self) -> str:
        """The label people use; it can change, the id cannot."""
        return self.wish.name

    @property
    def principal_broker(self) -> str:
        """The subject of every broker, as Kafka prints it (RFC 2253)."""
        return f"CN=broker,O={self.organization}"

    @property
    def principal_control(self) -> str:
        """The subject of the product."""
        return f"CN=control,O={self.organization}"

    @property
    def ensemble(self) -> tuple[Broker, ...]:
        """The brokers whose machines carry ZooKeeper."""
        return tuple(broker for broker in self.brokers if broker.has_zookeeper)

    @property
    def zookeeper_connect(self) -> str:
        """`host:2181,...` of the ensemble, without the chroot."""
        return ",".join(f"{broker.address}:2181" for broker in self.ensemble)

    @property
    def chroot(self) -> str:
        """The instance's own root in ZooKeeper."""
        return f"/{self.id}"

    @property
    def change_is_open(self) -> bool:
        """Whether the wish was changed and no operation has come to its end since."""
        return self.settled_wish is not None and self.settled_wish != self.wish

    def broker(self, number: int) -> Broker:
        """The broker of that id."""
        return next(broker for broker in self.brokers if broker.id == number)

    def listeners(self, broker: Broker) -> tuple[Listener, ...]:
        """The listeners of a broker as they are wished."""
        if broker.address is None:
            return ()
        wish, number = self.wish, broker.id
        born = creation_listeners(
            broker.address, sasl_ssl=wish.sasl_ssl, mutual_tls=wish.mutual_tls
        )
        eip, cross = wish.eip_of(number), wish.cross_of(number)
        public = (public_listener(eip, born[-1].protocol),) if eip else ()
        told = {ListenerName.CROSS: cross} if cross else {}
        return tuple(
            self._named(
                broker, replace(each, advertised_host=told.get(each.name, each.advertised_host))
            )
            for each in (*born, *public)
        )

    def _named(self, broker: Broker, listener: Listener) -> Listener:
        """The listener with all that its certificate is for besides its address."""
        access = self.wish.access
        own: tuple[str, ...] = ()
        if listener.name is ListenerName.CROSS:
            own = (str(broker.address), *access.cross_names(broker.id))
        elif listener.name is ListenerName.PUBLIC:
            own = access.public_names(broker.id)
        start = self.wish.start_of(broker.id)
        served = access.served_names(broker.id, listener.name, start)
        also = dict.fromkeys(name for name in (*own, *served) if name != listener.advertised_host)
        return replace(listener, also_named=tuple(also))

    def addresses(self, name: ListenerName) -> str | None:
        """`host:port,host:port` of a listener over all brokers, or None when it does not exist."""
        found = [
            listener.advertised
            for broker in self.brokers
            for listener in self.listeners(broker)
            if listener.name is name
        ]
        return ",".join(found) or None


def machine_name(instance_id: str, broker: int, generation: int) -> str:
    """`<id>-<broker>-<generation>`; the generation rises with each replacement."""
    return f"{instance_id}-{broker}-{generation}"


def host_name(instance_id: str, broker: int) -> str:
    """`<id>-<broker>`: the same for every machine that ever carries this broker."""
    return f"{instance_id}-{broker}"


def zones_of(brokers: Sequence[Broker], offered: Sequence[str], wished: int) -> tuple[str, ...]:
    """The zones of an instance in the order of its brokers.

    Those of its first brokers once they have machines; before that the provider's first ones.
    """
    present = tuple(broker.zone for broker in brokers[:wished])
    return present if len(set(present)) == wished and all(present) else tuple(offered[:wished])


def zone_of(broker: int, zones: tuple[str, ...]) -> str:
    """Broker i lies in zone (i-1) mod zones."""
    return zones[(broker - 1) % len(zones)]
