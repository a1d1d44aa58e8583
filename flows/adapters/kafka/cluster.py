"""The door to one cluster: each call is a conversation of its own, bounded in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from flows.adapters.kafka import administration, log_dirs, logins, round_trip
from flows.adapters.kafka import groups as consumer_groups
from flows.adapters.kafka.answering import check_answers
from flows.adapters.kafka.connection import (
    PAUSE_SECONDS,
    REQUEST_SECONDS,
    Credentials,
    Heard,
    Settings,
    client_settings,
    control_address,
    control_settings,
    conversation,
    login_settings,
    may_pass,
)
from flows.adapters.kafka.kafka_python import kafka_python
from flows.adapters.kafka.reassigning import (
    Lists,
    reassign_through_brokers,
    reassign_through_zookeeper,
)
from flows.adapters.kafka.shutdown import Address, Controllers, ShutdownRequest, check_controls
from flows.adapters.kafka.through_zookeeper import Nodes, elect_through_zookeeper
from flows.adapters.kafka.warming import warm
from flows.domain.cluster import (
    Cluster,
    ClusterState,
    Login,
    NewTopic,
    Permission,
    Replica,
    RoundTrip,
)
from flows.domain.errors import EffectFailed
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener
from flows.domain.versions import Through

LIMIT_SECONDS = 20.0
ROUND_TRIP_LIMITS = 3
"""A round trip is more than a question: connections to all brokers, and waits for replication."""

Answer = TypeVar("Answer")


class ConfluentKafka:
    """Implements `Kafka`; every failure is an EffectFailed, and every call can be repeated.

    Each call makes clients of its own: addresses, certificates and brokers change under an
    instance, and a fresh client has seen none of the old ones. After `limit_seconds` nothing is
    asked again, and one request takes at most 4 s; each part of a round trip (leaders found,
    messages acknowledged, messages read) takes at most three such limits.
    What the brokers of a version cannot be asked for is done through `zookeeper` instead.
    """

    def __init__(
        self,
        credentials: Callable[[Instance], Credentials],
        zookeeper: Nodes,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self._credentials = credentials
        self._zookeeper = zookeeper
        self._limit = limit_seconds
        self._request = min(limit_seconds, REQUEST_SECONDS)
        self._controllers = Controllers()

    def cluster(self, instance: Instance) -> Cluster:
        """The brokers and partitions that the cluster knows, once it has a controller."""
        return self._ask(
            instance,
            "telling its brokers and topics",
            lambda client: administration.describe_cluster(client, self._request),
        )

    def cluster_as_seen_by(self, instance: Instance, broker: int) -> Cluster:
        """What this one broker tells clients, which is little at first after its start.

        Asked once: EffectFailed when it does not answer, or knows no controller yet.
        """
        settings = control_settings(instance, self._credentials(instance), self._request)
        with conversation(instance, f"asking broker {broker} what it knows") as heard:
            return _ask_once(
                heard,
                {**settings, "bootstrap.servers": control_address(instance, broker)},
                lambda client: administration.describe_cluster(client, self._request),
            )

    def check_answers(self, broker: Broker, listener: Listener) -> None:
        """The listener answers, before any login; EffectFailed when it does not."""
        check_answers(str(broker.address), listener.port, secured=listener.secured)

    def shut_down(self, instance: Instance, state: ClusterState, broker: int) -> tuple[str, ...]:
        """The controller takes a broker out of what it leads and of every in-sync set.

        Answers the partitions that it still leads. The broker's process must stop afterwards: the
        controller gives it nothing to do until it has registered anew.
        """
        if state.controller is None or broker not in state.registrations:
            raise EffectFailed(
                f"Kafka of {instance.name}: there is no controller, or broker {broker} is gone"
            )
        request = ShutdownRequest(
            instance.wish.release.shutdown_request, broker, state.registrations[broker]
        )
        return self._controllers.shut_down(
            lambda: self._credentials(instance), _address(instance, state.controller), request
        )

    def check_controller(self, instance: Instance, state: ClusterState) -> None:
        """The controller does what it is asked by now; EffectFailed when it does not."""
        if state.controller is None:
            raise EffectFailed(f"Kafka of {instance.name}: there is no controller")
        version = instance.wish.release.shutdown_request
        address = _address(instance, state.controller)
        check_controls(self._credentials(instance), address, version)

    @contextmanager
    def near_controller(self, instance: Instance, state: ClusterState) -> Iterator[None]:
        """Inside, `shut_down` goes over a connection that is open already.

        One that cannot be opened, or breaks, is opened by the question.
        """
        if state.controller is None:
            yield
            return
        address = _address(instance, state.controller)
        with self._controllers.near(self._credentials(instance), address):
            yield

    def warm(self, instance: Instance, partition: tuple[str, int], requests: int) -> None:
        """So many acks=all requests of a client to the partition's leader were answered."""
        settings = client_settings(instance, self._credentials(instance))
        with conversation(instance, f"warming partition {partition[1]} of {partition[0]}") as heard:
            warm(heard, settings, partition, requests, self._limit)

    def create_topic(self, instance: Instance, topic: NewTopic) -> bool:
        """The topic exists; True when it had to be made. One that exists is left as it is."""
        if topic.name in self.cluster(instance).topics:
            return False
        self._ask(
            instance,
            f"creating topic {topic.name}",
            lambda client: administration.create_topic(client, topic),
        )
        return True

    def add_partitions(self, instance: Instance, topic: NewTopic) -> bool:
        """The topic has at least these partitions; those that it has stay where they are."""
        present = {
            part.number for part in self.cluster(instance).partitions if part.topic == topic.name
        }
        if present.issuperset(topic.assignment):
            return False
        self._ask(
            instance,
            f"adding partitions to {topic.name}",
            lambda client: administration.add_partitions(client, topic, len(present)),
        )
        return True

    def accepts(self, instance: Instance, broker: Broker, login: Login) -> bool:
        """Whether this broker lets the user in through PRIVATE, by that mechanism.

        False only when it says no; EffectFailed when it says nothing within the limit.
        """
        settings = login_settings(instance, broker, self._credentials(instance), login)
        what = f"the login of {login.user} at broker {broker.id}"
        with conversation(instance, what) as heard:
            return logins.accepted(heard, settings, self._limit)

    def replicas(self, instance: Instance) -> tuple[Replica, ...]:
        """Every replica on every disk with its size in bytes; internal topics too."""
        return log_dirs.replicas(instance, self._credentials(instance), self._limit)

    def permissions(self, instance: Instance) -> Mapping[str, tuple[Permission, ...]]:
        """Topic -> the list of its own, as `topics_with_permissions` finds them."""
        return self._ask(instance, "listing permissions", administration.permissions)

    def revoke(self, instance: Instance, principal: str) -> None:
        """No list of any resource names the principal (`User:bob`)."""
        self._ask(
            instance,
            f"taking permissions from {principal}",
            lambda client: administration.revoke(client, principal),
        )

    def topics_with_permissions(self, instance: Instance) -> frozenset[str]:
        """The topics that have an access control list of their own, whether they exist or not.

        `*` is among them when a list holds for all topics; lists for prefixes are not looked at.
        """
        return self._ask(
            instance, "listing topics with permissions", administration.topics_with_permissions
        )

    def grant(self, instance: Instance, topic: str, permissions: Sequence[Permission]) -> None:
        """The topic's access control list holds these permissions beside those that it had."""
        if permissions:
            self._ask(
                instance,
                f"granting permissions on topic {topic}",
                lambda client: administration.grant(client, topic, permissions),
            )

    def elect_preferred(self, instance: Instance, partitions: Sequence[tuple[str, int]]) -> None:
        """The first replica leads each of the partitions; where it does already nothing happens.

        Fails when one of them cannot: its first replica is down or not in sync.
        """
        if not partitions:
            return
        if instance.wish.release.elections is Through.ZOOKEEPER:
            elect_through_zookeeper(self._zookeeper, instance, partitions)
            return
        self._ask(
            instance,
            "electing preferred leaders",
            lambda client: administration.elect_preferred(client, partitions),
        )

    def alter_broker(self, instance: Instance, broker: int, values: Mapping[str, str]) -> None:
        """The running broker was told these values beside those that it had.

        Kafka acknowledges before it applies, and some values without ever applying them. Through
        ZooKeeper nobody checks them: a broker leaves out what it does not accept.
        """
        if not values:
            return
        if instance.wish.release.broker_configs is Through.ZOOKEEPER:
            self._zookeeper.merge_config(instance, f"/config/brokers/{broker}", values)
            self._zookeeper.announce(instance, f"brokers/{broker}")
            return
        self._ask(
            instance,
            f"altering broker {broker}",
            lambda client: administration.alter_broker(client, broker, values),
        )

    def configure(
        self, instance: Instance, settings: Mapping[str, Mapping[str, str | None]]
    ) -> None:
        """Topics and brokers (`topics/orders`, `brokers/1`) hold these values; None removes one.

        What they held besides stays. Written to ZooKeeper on every version, where a request to the
        brokers would be kept as well: so a broker that is down can be told before it starts.
        """
        if settings:
            self._zookeeper.configure(instance, settings)

    def reassign(self, instance: Instance, lists: Lists) -> None:
        """The partitions begin to move to these replicas, the first one preferred as leader.

        None cancels a move, from 2.4 on; cancelling what has ended is no failure. Before 2.4 one
        order at a time is taken: EffectFailed while an earlier one is under way.
        """
        if not lists:
            return
        if instance.wish.release.reassignments is Through.ZOOKEEPER:
            reassign_through_zookeeper(self._zookeeper, instance, lists)
            return
        credentials = self._credentials(instance)
        with kafka_python(instance, credentials, self._limit, "reassigning partitions") as client:
            reassign_through_brokers(client, instance, lists)

    def groups(self, instance: Instance) -> Mapping[str, frozenset[str]]:
        """Consumer group -> topics that its members were given, or else that it has committed."""
        return self._ask(instance, "telling its consumer groups", consumer_groups.groups)

    def round_trip(self, instance: Instance, topic: str, messages: int) -> RoundTrip:
        """So many messages to each partition of the topic came back as they were sent.

        They go through PRIVATE with acks=all, idempotent, as the probe's user, and are read back
        by partition and offset. The seconds to the first ack count from the call: connection and
        login are in them. As with any client, a topic that does not exist comes into being where
        automatic creation is on, and so may `__consumer_offsets`, with the brokers' defaults: make
        both before.
        """
        called = time.monotonic()
        settings = client_settings(instance, self._credentials(instance))
        with conversation(instance, f"a round trip through topic {topic}") as heard:
            limit = ROUND_TRIP_LIMITS * self._limit
            sent = round_trip.send(heard, settings, topic, messages, limit)
            back = round_trip.read_back(heard, settings, topic, sent.values, limit)
        return RoundTrip(len(sent.values), back, sent.first_ack - called)

    def _ask(
        self, instance: Instance, what: str, question: Callable[[AdminClient], Answer]
    ) -> Answer:
        """The answer of the cluster, asked again by a fresh client as long as it may still come."""
        settings = control_settings(instance, self._credentials(instance), self._request)
        deadline = time.monotonic() + self._limit
        with conversation(instance, what) as heard:
            while True:
                try:
                    return _ask_once(heard, settings, question)
                except KafkaException as error:
                    if not may_pass(error) or time.monotonic() > deadline:
                        raise
                    time.sleep(PAUSE_SECONDS)


def _address(instance: Instance, broker: int) -> Address:
    host, _, port = control_address(instance, broker).rpartition(":")
    return host, int(port)


def _ask_once(
    heard: Heard, settings: Settings, question: Callable[[AdminClient], Answer]
) -> Answer:
    own: dict[str, Any] = {**settings, "error_cb": heard.error}
    client = AdminClient(own, logger=heard)
    try:
        return question(client)
    finally:
        client.poll(0)  # hands over what librdkafka had to say
