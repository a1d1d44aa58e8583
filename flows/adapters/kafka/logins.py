"""Whether a user is let in: the only proof that a password is what a broker believes it is."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from flows.adapters.kafka.connection import Heard, Settings

_GLANCE_SECONDS = 0.5


def accepted(heard: Heard, settings: Settings, limit: float) -> bool:
    """True once the broker answered a question of the user, False once it refused the login.

    A question waits for a connection as long as it may, refused or not: so it is asked in short
    glances, and what librdkafka heard in between decides.
    """
    own: dict[str, Any] = {**settings, "error_cb": heard.error}
    client = AdminClient(own, logger=heard)
    deadline = time.monotonic() + limit
    while True:
        try:
            client.list_topics(timeout=_GLANCE_SECONDS)
        except KafkaException:
            client.poll(0)
            if heard.was_refused:
                return False
            if time.monotonic() > deadline:
                raise
        else:
            return True
