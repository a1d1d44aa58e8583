"""kafka-python, for the few questions that confluent-kafka cannot ask: as the super user."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from flows.adapters.kafka.connection import Credentials, control_address
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance

# What goes wrong ends in a sentence; its own lines are for whoever adds a handler.
_log = logging.getLogger("kafka")
_log.propagate = False
_log.addHandler(logging.NullHandler())


@contextmanager
def kafka_python(
    instance: Instance, credentials: Credentials, limit: float, what: str
) -> Iterator[KafkaAdminClient]:
    """A client of its own; whatever fails inside is an EffectFailed with one sentence.

    Each request, and connecting, takes at most `limit` seconds.
    """
    settings = {
        "bootstrap_servers": [control_address(instance, each.id) for each in instance.brokers],
        "security_protocol": "SSL",
        "ssl_context": _context(credentials),
        "request_timeout_ms": int(limit * 1000),
        "bootstrap_timeout_ms": int(limit * 1000),
    }
    try:
        with closing(KafkaAdminClient(**settings)) as client:
            yield client
    except (KafkaError, OSError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise EffectFailed(f"Kafka of {instance.name}: {what} failed: {words}") from None


def _context(credentials: Credentials) -> ssl.SSLContext:
    """Python's TLS reads a key from a file only: it gets one that has no name and no disk."""
    context = ssl.create_default_context(cadata=credentials.internal_ca_pem)
    descriptor = os.memfd_create("control-certificate", os.MFD_CLOEXEC)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(f"{credentials.control_certificate_pem}\n{credentials.control_key_pem}\n")
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    return context
