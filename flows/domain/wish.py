"""What an instance is meant to be: the values of one revision."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from flows.domain.flavors import FLAVORS, Flavor
from flows.domain.versions import VERSIONS, Version


class DiskType(StrEnum):
    """The guide's two kinds of disk."""

    HIGH = "high"
    ULTRA = "ultra"


class CapacityPolicy(StrEnum):
    """What happens at 95 % disk use (SPEC 9)."""

    DELETE_OLDEST = "delete-oldest"
    STOP_PRODUCTION = "stop-production"


class Wish(BaseModel):
    """The wished state of an instance; a change makes a new revision of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    flavor: str
    brokers: int
    storage_per_broker: int
    disk_type: DiskType
    disk_encryption: bool
    capacity_policy: CapacityPolicy
    availability_zones: int
    provider: str
    network: str
    subnet: str
    security_group: str
    public_access: tuple[str, ...] = ()
    sasl_ssl: bool
    sasl_plain: bool
    first_user: str | None
    manager_user: str | None
    auto_create_topics: bool
    tags: tuple[tuple[str, str], ...] = ()
    description: str = ""
    enterprise_project: str = ""
    start_generation: int = 1

    @property
    def flavor_row(self) -> Flavor:
        """The row of the flavor table."""
        return FLAVORS[self.flavor]

    @property
    def release(self) -> Version:
        """The Kafka release and what only it needs."""
        return VERSIONS[self.version]

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms that clients can use; none without SASL_SSL."""
        if not self.sasl_ssl:
            return ()
        return ("SCRAM-SHA-512", "PLAIN") if self.sasl_plain else ("SCRAM-SHA-512",)

    @property
    def partition_limit(self) -> int:
        """Partitions that the whole instance may have."""
        return self.flavor_row.partitions * self.brokers
