"""What the last sweep saw of an instance, as it is kept in `InstanceRow.observed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from flows.domain.expiry import Renewal, SeenCertificate


@dataclass(frozen=True)
class Disk:
    """The data disk of one broker."""

    total_bytes: int
    used_bytes: int


@dataclass(frozen=True)
class Observed:
    """One look at an instance; what did not answer is None or missing.

    `disks` is broker -> disk, of those whose host answered; `certificates` is what a certificate
    is for -> when it expires; `limited` is broker -> start of the process that was told its limits
    of connections (`flows.domain.connections`); `seen` is what the daily look at the certificates
    found at `seen_at`.
    """

    at: datetime | None = None
    faults: tuple[str, ...] = ()
    controller: int | None = None
    topics: int | None = None
    partitions: int | None = None
    disks: Mapping[int, Disk] = field(default_factory=lambda: MappingProxyType({}))
    certificates: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    limited: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    seen: tuple[SeenCertificate, ...] = ()
    seen_at: datetime | None = None

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Observed:
        """What was stored; nothing before the first sweep."""
        at = stored.get("at")
        certificates = stored.get("certificates", {})
        return cls(
            at=datetime.fromisoformat(at) if at else None,
            faults=tuple(stored.get("faults", ())),
            controller=stored.get("controller"),
            topics=stored.get("topics"),
            partitions=stored.get("partitions"),
            disks={int(broker): Disk(**disk) for broker, disk in stored.get("disks", {}).items()},
            certificates={name: datetime.fromisoformat(end) for name, end in certificates.items()},
            limited={int(broker): start for broker, start in stored.get("limited", {}).items()},
            seen=tuple(_read_certificate(each) for each in stored.get("seen", ())),
            seen_at=_moment(stored.get("seen_at")),
        )

    def stored(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {
            "at": self.at.isoformat() if self.at else None,
            "faults": list(self.faults),
            "controller": self.controller,
            "topics": self.topics,
            "partitions": self.partitions,
            "disks": {str(broker): asdict(disk) for broker, disk in self.disks.items()},
            "certificates": {name: end.isoformat() for name, end in self.certificates.items()},
            "limited": {str(broker): start for broker, start in self.limited.items()},
            "seen": [_stored_certificate(each) for each in self.seen],
            "seen_at": self.seen_at.isoformat() if self.seen_at else None,
        }


def _read_certificate(stored: Mapping[str, Any]) -> SeenCertificate:
    renewal, expires = Renewal(stored["renewal"]), _moment(stored["expires"])
    return SeenCertificate(**{**stored, "renewal": renewal, "expires": expires})


def _stored_certificate(seen: SeenCertificate) -> dict[str, Any]:
    return {**asdict(seen), "expires": seen.expires.isoformat() if seen.expires else None}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
