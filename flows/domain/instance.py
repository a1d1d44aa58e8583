"""The frozen picture of one Kafka cluster: what is wished and what was observed just now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from flows.domain.cluster import ClusterState
from flows.domain.listeners import Listener, ListenerName, creation_listeners
from flows.domain.machines import MachineSize
from flows.domain.quotas import Allowance
from flows.domain.surroundings import Surroundings
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
    control_address: str = ""
    client_network: str = ""
    surroundings: Surroundings | None = None
    allowance: Allowance = field(default_factory=Allowance)
    cluster: ClusterState | None = None
    groups: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Consumer group -> topics; asked only for a plan of a roll that groups may feel."""
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
        return creation_listeners(broker.address, sasl_ssl=self.wish.sasl_ssl)

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
