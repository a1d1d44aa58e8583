"""A proof on request: messages through the clients' listener of every broker, and back."""

from __future__ import annotations

from flows.adapters.site import Doors
from flows.domain.cluster import PROBE_TOPIC, RoundTrip
from flows.domain.errors import EffectFailed
from flows.queries.lookup import placed

MESSAGES_PER_PARTITION = 3


def prove(doors: Doors, name: str) -> RoundTrip:
    """Messages went by acks=all through the clients' listener of every broker, and came back."""
    instance = placed(doors.records, name)
    trip = doors.kafka.round_trip(instance, PROBE_TOPIC, MESSAGES_PER_PARTITION)
    if trip.received != trip.sent:
        raise EffectFailed(
            f"{name}: {trip.sent} messages were acknowledged and {trip.received} came back"
        )
    return trip
