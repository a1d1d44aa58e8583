"""The proof: messages that went through the clients' listener of every broker and came back."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.cluster import PROBE_TOPIC, RoundTrip
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.product_topics import kafka_topics, probe_topic
from flows.steps.probe_certificate import have_probe_leaf
from flows.steps.step import step

MESSAGES_PER_PARTITION = 3


@step("prove it: produce and consume through every broker")
def prove(site: Site, instance: Instance) -> RoundTrip:
    """Every broker led a partition that took acks=all messages and gave them back."""
    _have_probe_topic(site, instance)
    have_probe_leaf(site, instance)
    trip = site.kafka.round_trip(instance, PROBE_TOPIC, MESSAGES_PER_PARTITION)
    if trip.received != trip.sent:
        raise EffectFailed(
            f"proof: {trip.sent} messages were acknowledged and {trip.received} came back"
        )
    first = f"first acknowledged after {trip.seconds_to_first_ack:.1f} s"
    site.stage.say(f"{trip.sent} messages produced and consumed, {first}")
    return trip


@step("give the probe a partition on each new broker")
def spread_probe(site: Site, instance: Instance) -> None:
    """Each broker leads a partition of the probe's topic."""
    _have_probe_topic(site, instance)


def _have_probe_topic(site: Site, instance: Instance) -> None:
    topic = probe_topic(*_places(instance))
    if not site.kafka.create_topic(instance, topic):
        site.kafka.add_partitions(instance, topic)


@step("make Kafka's own topics")
def make_kafka_topics(site: Site, instance: Instance) -> None:
    """Offsets and transactions have three replicas, two of them in sync, and no unclean leader.

    Before anybody produces or consumes: whoever looks for a group's coordinator would make
    Kafka create the topic by itself, with the unsafe defaults.
    """
    for topic in kafka_topics(*_places(instance)):
        site.kafka.create_topic(instance, topic)


def _places(instance: Instance) -> tuple[tuple[int, ...], dict[int, str]]:
    brokers = instance.brokers
    return tuple(broker.id for broker in brokers), {broker.id: broker.zone for broker in brokers}
