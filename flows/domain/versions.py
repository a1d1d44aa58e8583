"""What differs between Kafka versions, as data; no code elsewhere asks for a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class VersionName(StrEnum):
    """The versions of the guide; `2.7` is the newest 2.7 patch."""

    V1_1 = "1.1.0"
    V2_3 = "2.3.0"
    V2_7 = "2.7"


@dataclass(frozen=True)
class Version:
    """A Kafka release: its distribution and the settings that only it needs."""

    name: str
    release: str
    distribution: str
    available: bool
    authorizer: str
    tls_protocols: str
    client_tls_protocols: str
    limits_connections: bool
    settings: Mapping[str, str]


ZOOKEEPER_DISTRIBUTION = "zookeeper-3.8.6"

_SIMPLE = "kafka.security.auth.SimpleAclAuthorizer"
_ACL = "kafka.security.authorizer.AclAuthorizer"
_NONE: Mapping[str, str] = MappingProxyType({})
# The default protocol version, 2.7, stalls acks=all for 8-12 s in one of six controller
# restarts and breaks a live rotation of the internal authority.
_V2_7 = MappingProxyType({"inter.broker.protocol.version": "2.5"})
# Brokers of 1.1.0 and 2.3.0 cannot speak TLS 1.3 to each other, nor serve it at all when it
# is switched on for every listener; it is on for clients of 2.7 only (SPEC 2.1).
_TLS12, _TLS13 = "TLSv1.2", "TLSv1.2,TLSv1.3"

VERSIONS: dict[str, Version] = {
    "1.1.0": Version("1.1.0", "1.1.0", "kafka-1.1.0", False, _SIMPLE, _TLS12, _TLS12, False, _NONE),
    "2.3.0": Version("2.3.0", "2.3.0", "kafka-2.3.0", False, _SIMPLE, _TLS12, _TLS12, True, _NONE),
    "2.7": Version("2.7", "2.7.2", "kafka-2.7.2", True, _ACL, _TLS13, _TLS13, True, _V2_7),
}
