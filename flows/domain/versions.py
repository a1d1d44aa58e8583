"""What differs between Kafka versions, as data; no code elsewhere asks for a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class VersionName(StrEnum):
    """The versions of the guide; `2.7` is the newest 2.7 patch."""

    V1_1 = "1.1.0"
    V2_3 = "2.3.0"
    V2_7 = "2.7"


class Through(StrEnum):
    """Whom a running cluster is asked for a change: its brokers, or ZooKeeper where they cannot."""

    BROKERS = "brokers"
    ZOOKEEPER = "zookeeper"


class ListenerLimit(StrEnum):
    """What becomes of a listener's own limit of connections (`max.connections`, KIP-402)."""

    NONE = "none"
    """The version knows none: whatever is set is ignored."""
    FORGOTTEN = "forgotten"
    """In force from an alteration until the broker stops; no broker starts with it."""
    KEPT = "kept"
    """In force from the start on, as its file says."""


@dataclass(frozen=True)
class Version:
    """A Kafka release: its distribution, what it can be asked for and how, and its own settings."""

    name: str
    release: str
    distribution: str
    authorizer: str
    tls_protocols: str
    listener_limit: ListenerLimit
    address_limits_live: bool
    """Whether a running broker can be told how many connections an address may have."""
    broker_configs: Through
    elections: Through
    reassignments: Through
    shutdown_request: int
    """Version of the ControlledShutdown request; from 2 (KIP-380) it names the registration."""
    more_names_live: bool = True
    """Whether a key store of another name may have more names; otherwise only the same file may."""
    rotates_live: bool = True
    """Whether connections that a broker opens itself trust whom it is told to at run time."""
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


ZOOKEEPER_DISTRIBUTION = "zookeeper-3.8.6"

VERSIONS: dict[str, Version] = {
    version.name: version
    for version in (
        Version(
            name=VersionName.V1_1,
            release="1.1.0",
            distribution="kafka-1.1.0",
            authorizer="kafka.security.auth.SimpleAclAuthorizer",
            # Brokers of 1.1.0 and 2.3.0 cannot speak TLS 1.3 to each other, nor serve anybody
            # when it is switched on for every listener.
            tls_protocols="TLSv1.2",
            listener_limit=ListenerLimit.NONE,
            address_limits_live=False,
            # IncrementalAlterConfigs came with 2.3 (KIP-339). The older AlterConfigs replaces
            # everything that a broker was given at run time, passwords that nobody can read too.
            broker_configs=Through.ZOOKEEPER,
            # ElectLeaders came with 2.2 (KIP-183).
            elections=Through.ZOOKEEPER,
            # AlterPartitionReassignments came with 2.4 (KIP-455); before, none can be cancelled.
            reassignments=Through.ZOOKEEPER,
            shutdown_request=1,
            more_names_live=False,
            # Trust stores are dynamic from 2.0 on (KAFKA-6810).
            rotates_live=False,
        ),
        Version(
            name=VersionName.V2_3,
            release="2.3.0",
            distribution="kafka-2.3.0",
            authorizer="kafka.security.auth.SimpleAclAuthorizer",
            tls_protocols="TLSv1.2",
            listener_limit=ListenerLimit.FORGOTTEN,
            address_limits_live=True,
            broker_configs=Through.BROKERS,
            elections=Through.BROKERS,
            reassignments=Through.ZOOKEEPER,
            shutdown_request=2,
            # A key store with more names came with 2.7 (KAFKA-10279).
            more_names_live=False,
        ),
        Version(
            name=VersionName.V2_7,
            release="2.7.2",
            distribution="kafka-2.7.2",
            authorizer="kafka.security.authorizer.AclAuthorizer",
            tls_protocols="TLSv1.2,TLSv1.3",
            listener_limit=ListenerLimit.KEPT,
            address_limits_live=True,
            broker_configs=Through.BROKERS,
            elections=Through.BROKERS,
            reassignments=Through.BROKERS,
            shutdown_request=2,
            # The default protocol version, 2.7, stalls acks=all for 8-12 s in one of six
            # controller restarts and breaks a live rotation of the internal authority.
            settings=MappingProxyType({"inter.broker.protocol.version": "2.5"}),
        ),
    )
}
