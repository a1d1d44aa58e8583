"""How librdkafka connects to an instance, and how its failures become one sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from flows.domain.cluster import Login
from flows.domain.errors import EffectFailed
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName

REQUEST_SECONDS = 4.0
"""How long one request may take: one that a broker lost, as at its start, is soon asked again."""
PAUSE_SECONDS = 0.1

Settings = Mapping[str, Any]

_IMPATIENT: Settings = {
    # An idle broker serves the second of two requests that arrived together over TLS only when
    # its selector wakes by itself, 0.3 s later: so one request at a time.
    "max.in.flight.requests.per.connection": 1,
    # What a broker's restart and a moved leader cost otherwise: librdkafka waits up to 10 s.
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 200,
    "retry.backoff.ms": 20,
    "retry.backoff.max.ms": 200,
    "topic.metadata.refresh.fast.interval.ms": 20,
}
_VERIFIED: Settings = {"ssl.endpoint.identification.algorithm": "https"}
_UNNAMED: Settings = {"ssl.endpoint.identification.algorithm": "none"}

_TRANSIENT = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._TRANSPORT,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)

_REFUSED_LOGIN = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Credentials:
    """What the product shows to an instance, and whom it trusts there; all but names as PEM texts.

    `clients_ca_pem` and `probe_password` are None exactly when the instance has no SASL_SSL.
    The probe has a certificate where clients show one. Keys and passwords go to librdkafka in
    memory, never as files.
    """

    control_certificate_pem: str
    control_key_pem: str = field(repr=False)
    internal_ca_pem: str
    clients_ca_pem: str | None
    probe_user: str
    probe_password: str | None = field(repr=False)
    probe_certificate_pem: str | None = None
    probe_key_pem: str | None = field(repr=False, default=None)
    clients_names_checked: bool = True
    """False where a user's own certificate lacks a name that clients use, which was accepted."""


def control_settings(instance: Instance, credentials: Credentials, seconds: float) -> Settings:
    """For the product as the super user, by its certificate; a request takes so many seconds."""
    return {
        **_IMPATIENT,
        **_VERIFIED,
        "socket.timeout.ms": int(seconds * 1000),
        "bootstrap.servers": _addresses(instance, ListenerName.CONTROL),
        "security.protocol": "SSL",
        "ssl.certificate.pem": credentials.control_certificate_pem,
        "ssl.key.pem": credentials.control_key_pem,
        "ssl.ca.pem": credentials.internal_ca_pem,
    }


def control_address(instance: Instance, broker: int) -> str:
    """`host:port` at which one broker answers the product."""
    for listener in instance.listeners(instance.broker(broker)):
        if listener.name is ListenerName.CONTROL:
            return listener.advertised
    raise EffectFailed(f"Kafka of {instance.name}: broker {broker} has no address yet")


def client_settings(instance: Instance, credentials: Credentials) -> Settings:
    """For a client like any other, as the probe's user where there are users."""
    addresses = _addresses(instance, ListenerName.PRIVATE)
    if not instance.wish.sasl_ssl:
        return {**_IMPATIENT, "bootstrap.servers": addresses, "security.protocol": "PLAINTEXT"}
    checked = _VERIFIED if credentials.clients_names_checked else _UNNAMED
    verified = {**_IMPATIENT, **checked, "bootstrap.servers": addresses}
    if instance.wish.mutual_tls:
        return {
            **verified,
            "security.protocol": "SSL",
            "ssl.certificate.pem": credentials.probe_certificate_pem,
            "ssl.key.pem": credentials.probe_key_pem,
            "ssl.ca.pem": credentials.clients_ca_pem,
        }
    return {
        **verified,
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": credentials.probe_user,
        "sasl.password": credentials.probe_password,
        "ssl.ca.pem": credentials.clients_ca_pem,
    }


def login_settings(
    instance: Instance, broker: Broker, credentials: Credentials, login: Login
) -> Settings:
    """For a user at one broker: who else is in the cluster is never asked."""
    alone = replace(instance, brokers=(broker,))
    return {
        **client_settings(alone, credentials),
        "sasl.mechanisms": login.mechanism,
        "sasl.username": login.user,
        "sasl.password": login.password,
    }


class Heard:
    """What librdkafka said while it worked: its last error explains a time-out.

    It is also the logger of a client, so that no line of librdkafka goes to standard error.
    """

    def __init__(self) -> None:
        self._last_error = ""
        self.was_refused = False

    def error(self, error: KafkaError) -> None:
        """librdkafka's `error_cb`; that all brokers are down does not say why."""
        self.was_refused |= error.code() in _REFUSED_LOGIN
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._last_error = error.str()

    def log(self, level: int, *line: object) -> None:
        """librdkafka's log, for whoever debugs: what matters of it ends in a sentence anyway."""
        _log.debug(*line)

    def sentence(self, error: KafkaException) -> str:
        """The error in one line, with the reason behind it when it is only a symptom."""
        told = error.args[0].str()
        if may_pass(error) and self._last_error:
            told = f"{told} ({self._last_error})"
        return " ".join(told.split())


@contextmanager
def conversation(instance: Instance, what: str) -> Iterator[Heard]:
    """Whatever Kafka or librdkafka refuses inside is an EffectFailed with one sentence."""
    heard = Heard()
    try:
        yield heard
    except KafkaException as error:
        reason = heard.sentence(error)
        raise EffectFailed(f"Kafka of {instance.name}: {what} failed: {reason}") from None


def may_pass(error: KafkaException) -> bool:
    """Whether the same question may get another answer a moment later."""
    return bool(error.args[0].retriable()) or error.args[0].code() in _TRANSIENT


def late(reason: str) -> KafkaException:
    """What did not come true in time, in the form of all other failures."""
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, reason))


def _addresses(instance: Instance, listener: ListenerName) -> str:
    addresses = instance.addresses(listener)
    if addresses is None:
        raise EffectFailed(f"Kafka of {instance.name}: no broker has a {listener} address yet")
    return addresses
