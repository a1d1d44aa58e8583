"""`fleet show`: everything that is known of one instance, and what nobody enforces yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

from flows.adapters.records.observed import Disk, Observed
from flows.adapters.records.picture import picture
from flows.adapters.site import Records
from flows.domain.connections import told_limits
from flows.domain.expiry import Urgency, urgency
from flows.domain.instance import Broker, Instance
from flows.domain.kept_names import kept_sentence
from flows.domain.listeners import Listener, ListenerName
from flows.domain.wish import GENERATIONS, Wish
from flows.queries.interruption import interruption
from flows.queries.lookup import living

NOT_YET = "recorded, not yet enforced"
_NOT_SHOWN = ("last_sessions", "client_certificates", "client_facing", "internal", "access")
"""What commands of its own tell in words: `fleet certificates`, and the addresses."""


class ConnectionView(TypedDict):
    """A client listener of one broker; `open` tells whether clients are let in."""

    listener: str
    address: str
    protocol: str
    open: bool


class StorageView(TypedDict):
    """Bytes of data disks; None as long as nobody has looked."""

    total_bytes: int
    used_bytes: int
    available_bytes: int


class BrokerView(TypedDict):
    """One broker; its address and zone are None until its machine is made."""

    id: int
    address: str | None
    zone: str | None
    machine: str | None
    roles: list[str]
    connections: list[ConnectionView]
    storage: StorageView | None


class BootstrapView(TypedDict):
    """`host:port,host:port` for clients, or None where there is no way in."""

    private: str | None
    public: str | None
    cross_network: str | None


class CertificateView(TypedDict):
    """What a certificate is for, when it expires, and whether that is ok, warning or critical."""

    name: str
    expires: str
    urgency: str


class InstanceView(TypedDict):
    """The answer of `fleet show NAME --json`; names and their meaning stay as they are."""

    name: str
    id: str
    status: str
    reason: str
    version: str
    release: str
    flavor: str
    brokers: list[BrokerView]
    bootstrap: BootstrapView
    sasl_mechanisms: list[str]
    manager_address: str | None
    zones: list[str]
    parameters: dict[str, Any]
    notes: dict[str, str]
    storage: StorageView | None
    topics: int | None
    partitions: int | None
    partition_limit: int
    connections: str
    certificates: list[CertificateView]
    revision: int
    created: str
    observed: str | None


def show(records: Records, instance: str) -> InstanceView:
    """The living instance of that name or id; Refused when there is none."""
    row = living(records, instance)
    seen = Observed.read(row.observed)
    drawn = picture(row, records.machines(row.id))
    brokers = [_broker(drawn, broker, seen) for broker in drawn.brokers]
    return InstanceView(
        name=row.wish.name,
        id=row.id,
        status=row.status.value,
        reason=interruption(records, row) or row.reason,
        version=row.wish.version,
        release=row.wish.release.release,
        flavor=row.wish.flavor,
        brokers=brokers,
        bootstrap=_bootstrap(drawn),
        sasl_mechanisms=list(row.wish.mechanisms),
        manager_address=None,
        zones=sorted({broker.zone for broker in drawn.brokers if broker.zone}),
        parameters=_parameters(row.wish),
        notes={**notes(row.wish), **_kept_names(drawn)},
        storage=_sum([broker["storage"] for broker in brokers]),
        topics=seen.topics,
        partitions=seen.partitions,
        partition_limit=row.wish.partition_limit,
        connections=told_limits(row.wish),
        certificates=_certificates(seen),
        revision=row.revision,
        created=row.created.isoformat(),
        observed=seen.at.isoformat() if seen.at else None,
    )


def notes(wish: Wish) -> dict[str, str]:
    """Parameters that are kept but have no effect, each with its sentence."""
    told = dict.fromkeys(("capacity_policy", "manager_user", "manager_password"), NOT_YET)
    return {"disk_type": f"recorded, not enforced by the {wish.provider}", **told}


def _kept_names(instance: Instance) -> dict[str, str]:
    kept = kept_sentence(instance)
    return {"certificate_names": kept} if kept else {}


def _parameters(wish: Wish) -> dict[str, Any]:
    told = wish.model_dump(mode="json", exclude={*GENERATIONS, *_NOT_SHOWN})
    return {**told, "tags": dict(wish.tags), "users": list(wish.user_names)}


def _broker(instance: Instance, broker: Broker, seen: Observed) -> BrokerView:
    return BrokerView(
        id=broker.id,
        address=broker.address,
        zone=broker.zone or None,
        machine=broker.machine.name if broker.machine else None,
        roles=_roles(broker, seen),
        connections=[
            _connection(broker, listener)
            for listener in instance.listeners(broker)
            if listener.for_clients
        ],
        storage=_storage(seen.disks.get(broker.id)),
    )


def _roles(broker: Broker, seen: Observed) -> list[str]:
    return [
        role
        for role, has_it in (
            ("broker", True),
            ("controller", broker.id == seen.controller),
            ("zookeeper", broker.has_zookeeper),
        )
        if has_it
    ]


def _connection(broker: Broker, listener: Listener) -> ConnectionView:
    return ConnectionView(
        listener=listener.name.value,
        address=listener.advertised,
        protocol=listener.protocol.value,
        open=_is_open(broker, listener),
    )


def _is_open(broker: Broker, listener: Listener) -> bool:
    """CROSS is closed as long as it advertises the private address it was born with (SPEC 2.1)."""
    return listener.name is not ListenerName.CROSS or listener.advertised_host != broker.address


def _bootstrap(instance: Instance) -> BootstrapView:
    return BootstrapView(
        private=_open_addresses(instance, ListenerName.PRIVATE),
        public=_open_addresses(instance, ListenerName.PUBLIC),
        cross_network=_open_addresses(instance, ListenerName.CROSS),
    )


def _open_addresses(instance: Instance, name: ListenerName) -> str | None:
    found = [
        listener.advertised
        for broker in instance.brokers
        for listener in instance.listeners(broker)
        if listener.name is name and _is_open(broker, listener)
    ]
    return ",".join(found) or None


def _storage(disk: Disk | None) -> StorageView | None:
    if disk is None:
        return None
    return StorageView(
        total_bytes=disk.total_bytes,
        used_bytes=disk.used_bytes,
        available_bytes=disk.total_bytes - disk.used_bytes,
    )


def _sum(parts: Iterable[StorageView | None]) -> StorageView | None:
    """All disks together, or None when one was not seen: half a sum would mislead."""
    seen = list(parts)
    known = [part for part in seen if part is not None]
    if not known or len(known) < len(seen):
        return None
    return StorageView(
        total_bytes=sum(part["total_bytes"] for part in known),
        used_bytes=sum(part["used_bytes"] for part in known),
        available_bytes=sum(part["available_bytes"] for part in known),
    )


def _certificates(seen: Observed) -> list[CertificateView]:
    by_end = sorted(seen.certificates.items(), key=lambda item: (item[1], item[0]))
    at = seen.at
    return [
        CertificateView(
            name=name,
            expires=end.isoformat(),
            urgency=(urgency(end, at) if at else Urgency.OK).value,
        )
        for name, end in by_end
    ]
