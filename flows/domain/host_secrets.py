"""The secrets that Kafka and ZooKeeper must read on one host, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.domain.listeners import ListenerName


@dataclass(frozen=True)
class Store:
    """A PKCS#12 file with the password beside it; the name carries the certificate's serial."""

    file_name: str
    content: bytes = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True)
class ListenerStores:
    """Key store and, where clients show certificates, trust store of one listener."""

    keystore: Store
    truststore: Store | None = None


@dataclass(frozen=True)
class HostSecrets:
    """Everything secret that one host of an instance holds."""

    stores: Mapping[ListenerName, ListenerStores]
    zookeeper_password: str = field(repr=False)
    zookeeper_super_password: str = field(repr=False)
    zookeeper_peer_password: str = field(repr=False)
    encoder_secret: str = field(repr=False)
    plain_users: str = field(repr=False, default="")
    revoked_serials: str = ""
