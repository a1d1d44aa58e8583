"""What brokers say of themselves in ZooKeeper, asked within a millisecond.

The product's own look reads all partitions: too slow for who wants to act between two brokers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kazoo.client import KazooClient

from flows.adapters.credentials import zookeeper_login
from flows.domain.listeners import ZOOKEEPER_CLIENT_PORT
from tests.acceptance.parts import Secured

Told = Callable[[int], str]
"""Broker -> `host:port` that its clients of 9011 are told."""


@contextmanager
def told_at_9011(secured: Secured) -> Iterator[Told]:
    """Asks brokers' registrations in one session."""
    instance = secured.instance
    user, password = zookeeper_login(secured.plane.doors.secrets, instance)
    session = KazooClient(
        hosts=",".join(f"{each.address}:{ZOOKEEPER_CLIENT_PORT}" for each in instance.ensemble),
        sasl_options={"mechanism": "DIGEST-MD5", "username": user, "password": password},
    )

    def told(broker: int) -> str:
        content, _ = session.get(f"{instance.chroot}/brokers/ids/{broker}")
        endpoints = [str(each) for each in json.loads(content)["endpoints"]]
        return next(each for each in endpoints if each.startswith("CROSS:")).partition("://")[2]

    try:
        session.start(timeout=30)
        yield told
    finally:
        session.stop()
        session.close()
