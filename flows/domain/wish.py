"""What an instance is meant to be: the values of one revision."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from flows.domain.access import Access
from flows.domain.certificates import Certificates
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


GENERATIONS = frozenset(
    {"start_generation", "broker_generations", "machine_generations", "rollbacks"}
)
"""Fields that count restarts and replacements; nobody asks for them by name."""


CHANGED_LATER = frozenset(
    {
        "access",
        "users",
        "last_sessions",
        "mutual_tls",
        "client_certificates",
        "client_facing",
        "internal",
        "renew_automatically",
    }
)
"""Fields that nobody asks for by creating an instance: they change while it lives."""


class User(BaseModel):
    """A user of an instance: `password` counts the passwords that the user was ever given.

    `sessions` is a number too: when it changes, every connection that the user had is at its end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    password: int = 1
    sessions: int = 0


class ClientCertificate(BaseModel):
    """A certificate that was issued to clients; its common name is the user it logs in.

    `number` counts all that were ever issued for the instance; those of one user hold side by side.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str
    number: int
    days: int
    revoked: bool = False


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
    """The EIP of each broker, in their order; empty while there is no public access."""
    access: Access = Access()
    sasl_ssl: bool
    sasl_plain: bool
    first_user: str | None
    users: tuple[User, ...] = ()
    """Everybody who can log in, the first user first; none without SASL_SSL."""
    last_sessions: int = 0
    """The last number that was given to a user's sessions; none is given twice."""
    mutual_tls: bool = False
    """Whether clients show a certificate instead of a password; only with SASL_SSL."""
    client_certificates: tuple[ClientCertificate, ...] = ()
    """All that were ever issued, in the order of their numbers; revoked ones stay revoked."""
    client_facing: Certificates = Certificates()
    """What brokers serve to clients."""
    internal: Certificates = Certificates()
    """What brokers and the product show each other."""
    manager_user: str | None
    auto_create_topics: bool
    tags: tuple[tuple[str, str], ...] = ()
    description: str = ""
    enterprise_project: str = ""
    delete_protection: bool = False
    renew_automatically: bool = False
    """Whether the daily schedule renews certificates that end soon."""
    start_generation: int = 1
    broker_generations: tuple[tuple[int, int], ...] = ()
    """Brokers that were asked to start again on their own -> their generation."""
    rollbacks: int = 0
    """How often a change was rolled back; one more means that the newest wish undoes another."""
    machine_generations: tuple[tuple[int, int], ...] = ()
    """Brokers whose machine was replaced -> the generation of the machine they are to have."""

    @model_validator(mode="before")
    @classmethod
    def _first_user_is_a_user(cls, values: Any) -> Any:
        """A wish that names no users has the first one, as every wish once did."""
        if isinstance(values, Mapping) and values.get("first_user") and not values.get("users"):
            return {**values, "users": (User(name=values["first_user"]),)}
        return values

    @property
    def user_names(self) -> tuple[str, ...]:
        """All users, the first one first."""
        return tuple(user.name for user in self.users)

    def user(self, name: str) -> User | None:
        """The user of that name."""
        return next((user for user in self.users if user.name == name), None)

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

    def generation_of(self, broker: int) -> int:
        """The generation for which a broker is to be started; one below it has to restart."""
        return max(self.start_generation, dict(self.broker_generations).get(broker, 0))

    def start_of(self, broker: int) -> tuple[int, int]:
        """The machine and the generation that a broker's process is started for."""
        return self.machine_of(broker), self.generation_of(broker)

    def machine_of(self, broker: int) -> int:
        """The generation of a broker's machine: 1 until it is replaced."""
        return dict(self.machine_generations).get(broker, 1)

    def eip_of(self, broker: int) -> str | None:
        """The EIP of a broker; None without public access."""
        return self.public_access[broker - 1] if broker <= len(self.public_access) else None

    def cross_of(self, broker: int) -> str | None:
        """What a broker advertises to clients of other networks; None before it was set."""
        return self.access.cross.address_of(broker) if self.access.cross else None

    @property
    def partition_limit(self) -> int:
        """Partitions that the whole instance may have."""
        return self.flavor_row.partitions * self.brokers
