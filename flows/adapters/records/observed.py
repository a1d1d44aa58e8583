"""What the last sweep saw of an instance, as it is kept in `InstanceRow.observed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from flows.domain.instance import Broker, HostState, Instance, UnitState


@dataclass(frozen=True)
class ObservedBroker:
    """One broker at that moment; sizes are of its data disk, 0 when its host did not answer."""

    registered: bool = False
    zookeeper: UnitState = UnitState.ABSENT
    kafka: UnitState = UnitState.ABSENT
    disk_total_bytes: int = 0
    disk_used_bytes: int = 0


@dataclass(frozen=True)
class Observed:
    """One look at an instance; `certificates` is what it is for -> when it expires."""

    at: datetime | None = None
    controller: int | None = None
    brokers: Mapping[int, ObservedBroker] = field(default_factory=lambda: MappingProxyType({}))
    certificates: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, instance: Instance, at: datetime, certificates: Mapping[str, datetime]) -> Observed:
        """What is worth remembering of an instance that was just observed."""
        brokers = {broker.id: _seen(broker) for broker in instance.brokers}
        return cls(at, instance.controller, brokers, certificates)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Observed:
        """What was stored; nothing at all before the first sweep."""
        if not stored:
            return cls()
        return cls(
            at=datetime.fromisoformat(stored["at"]),
            controller=stored["controller"],
            brokers={int(id): _read_broker(seen) for id, seen in stored["brokers"].items()},
            certificates={
                name: datetime.fromisoformat(end) for name, end in stored["certificates"].items()
            },
        )

    def stored(self) -> dict[str, Any]:
        """The same as JSON has it; an observation without its moment cannot be stored."""
        if self.at is None:
            raise ValueError("an observation that never happened cannot be stored")
        return {
            "at": self.at.isoformat(),
            "controller": self.controller,
            "brokers": {str(id): vars(seen) for id, seen in self.brokers.items()},
            "certificates": {name: end.isoformat() for name, end in self.certificates.items()},
        }


def _seen(broker: Broker) -> ObservedBroker:
    host = broker.host or HostState()
    return ObservedBroker(
        registered=broker.registered,
        zookeeper=host.zookeeper,
        kafka=host.kafka,
        disk_total_bytes=host.disk_total_bytes,
        disk_used_bytes=host.disk_used_bytes,
    )


def _read_broker(seen: Mapping[str, Any]) -> ObservedBroker:
    units = {unit: UnitState(seen[unit]) for unit in ("zookeeper", "kafka")}
    return ObservedBroker(**{**seen, **units})
