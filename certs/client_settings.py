"""Settings of Kafka's clients: how to reach an instance, and how not to notice a restart of it.

Two client libraries read them: Java's (with the console tools) and librdkafka (Python's, and many
others). None of them holds the user's password.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from certs.errors import CertificateError
from certs.names import check_common_name

Settings = Mapping[str, str]
Mechanism = Literal["SCRAM-SHA-512", "PLAIN"]

CERTIFICATES = "phy_ca.crt"
TRUSTSTORE = "client.truststore.jks"
CERTIFICATE, KEY, KEYSTORE = "client.crt", "client.key", "client.keystore.jks"
"""A client's own certificate, its key, and both as a store: in the bundle of that client alone."""
# No secret: it protects nothing but public certificates. This value is the guide's.
TRUSTSTORE_PASSWORD = "dms@kafka"
PASSWORD_PLACEHOLDER = "CHANGE-ME"

# Until a client tries a restarted broker again, it does not reach the partitions led there: by
# default Java waits up to 1 s and librdkafka up to 10 s.
JAVA_RESTART: Settings = {
    "reconnect.backoff.ms": "20",
    "reconnect.backoff.max.ms": "200",
    "retry.backoff.ms": "20",
}
LIBRDKAFKA_RESTART: Settings = {
    **JAVA_RESTART,
    "retry.backoff.max.ms": "200",
    "topic.metadata.refresh.fast.interval.ms": "20",
}
PRODUCER: Settings = {"acks": "all", "enable.idempotence": "true", "linger.ms": "5"}
# The newest clients have these two by default; 1.1.0 does not retry, and knows only the first.
JAVA_PRODUCER: Settings = {
    **PRODUCER,
    "retries": "2147483647",
    "delivery.timeout.ms": "120000",
}
CONSUMER: Settings = {"group.id": "example", "auto.offset.reset": "earliest"}

_JAVA_TRUST: Settings = {
    "ssl.truststore.location": TRUSTSTORE,
    "ssl.truststore.type": "PKCS12",
    "ssl.truststore.password": TRUSTSTORE_PASSWORD,
    "ssl.endpoint.identification.algorithm": "https",
}
_LOGIN_MODULES: Mapping[Mechanism, str] = {
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
}


@dataclass(frozen=True)
class SaslSsl:
    """How clients log in over TLS: the user, the mechanisms that the instance accepts (ready files
    use the first), and the authorities to trust, as PEM.
    """

    user: str
    mechanisms: tuple[Mechanism, ...]
    authorities: tuple[bytes, ...]

    def __post_init__(self) -> None:
        """Refuse what no client could use."""
        check_common_name("user", self.user)
        known = get_args(Mechanism)
        if not self.mechanisms or not set(self.mechanisms) <= set(known):
            raise CertificateError(
                f"mechanisms {', '.join(self.mechanisms)!r}: accepted are {' and '.join(known)}, "
                "at least one of them."
            )


@dataclass(frozen=True)
class MutualTls:
    """How clients come in by a certificate of their own, and the authorities to trust, as PEM.

    `keystore_password` opens the client's key store; without one the settings hold a placeholder.
    """

    authorities: tuple[bytes, ...]
    keystore_password: str = field(default=PASSWORD_PLACEHOLDER, repr=False)


Security = SaslSsl | MutualTls | None
"""None: PLAINTEXT, without TLS and login."""


def java_connection(bootstrap: str, security: Security) -> Settings:
    """What a Java client needs to connect. Paths are relative to the bundle's directory."""
    if security is None:
        return {"bootstrap.servers": bootstrap, "security.protocol": "PLAINTEXT"}
    if isinstance(security, MutualTls):
        return {
            "bootstrap.servers": bootstrap,
            "security.protocol": "SSL",
            "ssl.keystore.location": KEYSTORE,
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.password": security.keystore_password,
            "ssl.key.password": security.keystore_password,
            **_JAVA_TRUST,
        }
    mechanism = security.mechanisms[0]
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": (
            f'{_LOGIN_MODULES[mechanism]} required username="{security.user}" '
            f'password="{PASSWORD_PLACEHOLDER}";'
        ),
        **_JAVA_TRUST,
    }


def librdkafka_connection(bootstrap: str, security: Security) -> Settings:
    """What a librdkafka client needs to connect, but for `sasl.password`."""
    if security is None:
        return {"bootstrap.servers": bootstrap, "security.protocol": "PLAINTEXT"}
    if isinstance(security, MutualTls):
        return {
            "bootstrap.servers": bootstrap,
            "security.protocol": "SSL",
            "ssl.certificate.location": CERTIFICATE,
            "ssl.key.location": KEY,
            "ssl.ca.location": CERTIFICATES,
            "ssl.endpoint.identification.algorithm": "https",
        }
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": security.mechanisms[0],
        "sasl.username": security.user,
        "ssl.ca.location": CERTIFICATES,
        "ssl.endpoint.identification.algorithm": "https",
    }
