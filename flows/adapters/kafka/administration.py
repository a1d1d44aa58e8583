"""What is asked of a cluster through CONTROL; every question can be asked again.

But for metadata no call names a limit: the connection's `socket.timeout.ms` is that of every
request (`elect_leaders` of confluent-kafka 2.16 cannot take one).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ElectionType, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.admin import NewTopic as TopicOrder

from flows.adapters.kafka.connection import REQUEST_SECONDS, late
from flows.domain.cluster import Cluster, NewTopic, Partition, Permission

_ANY: Any = None
"""Every name, principal or host, in a filter (the library's stubs do not know it)."""

_OPERATIONS = {
    "All": AclOperation.ALL,
    "Alter": AclOperation.ALTER,
    "AlterConfigs": AclOperation.ALTER_CONFIGS,
    "ClusterAction": AclOperation.CLUSTER_ACTION,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "IdempotentWrite": AclOperation.IDEMPOTENT_WRITE,
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
}
_NAMES = {operation: name for name, operation in _OPERATIONS.items()}


def describe_cluster(client: AdminClient, seconds: float) -> Cluster:
    """Brokers and partitions, once there is a controller.

    Until a broker heard of one it loses requests, such as the first create-topics.
    """
    metadata = client.list_topics(timeout=seconds)
    if metadata.controller_id < 0:
        raise late("there is no controller")
    return Cluster(
        brokers=tuple(sorted(metadata.brokers)),
        controller=metadata.controller_id,
        partitions=tuple(_partitions(metadata)),
    )


def create_topic(client: AdminClient, topic: NewTopic) -> None:
    """The topic exists; an earlier try whose answer was lost may have made it."""
    order = TopicOrder(
        topic.name,
        num_partitions=len(topic.assignment),
        replica_assignment=[list(topic.assignment[each]) for each in sorted(topic.assignment)],
        config=dict(topic.config),
    )
    try:
        result_of(client.create_topics([order])[topic.name])
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def add_partitions(client: AdminClient, topic: NewTopic, present: int) -> None:
    """The partitions from number `present` on are there, on the replicas of the assignment."""
    new = [list(topic.assignment[number]) for number in range(present, len(topic.assignment))]
    order = NewPartitions(topic.name, len(topic.assignment), replica_assignment=new)
    try:
        result_of(client.create_partitions([order])[topic.name])
    except KafkaException as error:
        # An earlier try whose answer was lost has made them.
        if error.args[0].code() != KafkaError.INVALID_PARTITIONS:
            raise


def topics_with_permissions(client: AdminClient) -> frozenset[str]:
    """The names of all topics with an access control list of their own."""
    found = result_of(client.describe_acls(_lists(ResourceType.TOPIC)))
    return frozenset(binding.name for binding in found)


def permissions(client: AdminClient) -> Mapping[str, tuple[Permission, ...]]:
    """Topic -> what its own list allows, and to whom."""
    found: dict[str, tuple[Permission, ...]] = {}
    for binding in result_of(client.describe_acls(_lists(ResourceType.TOPIC))):
        entry = Permission(binding.principal, _NAMES[binding.operation], binding.host)
        found[binding.name] = (*found.get(binding.name, ()), entry)
    return found


def revoke(client: AdminClient, principal: str) -> None:
    """No list of any topic, group or other resource names the principal."""
    for future in client.delete_acls([_lists(ResourceType.ANY, principal)]).values():
        result_of(future)


def grant(client: AdminClient, topic: str, permissions: Sequence[Permission]) -> None:
    """The topic's list holds the permissions, at least one."""
    bindings = [_binding(topic, permission) for permission in dict.fromkeys(permissions)]
    for future in client.create_acls(bindings).values():
        result_of(future)


def elect_preferred(client: AdminClient, partitions: Sequence[tuple[str, int]]) -> None:
    """The first replica leads each of the partitions, at least one (none would mean all)."""
    wished = [TopicPartition(topic, number) for topic, number in partitions]
    answers = result_of(client.elect_leaders(ElectionType.PREFERRED, wished))
    for error in answers.values():
        if error is not None and error.code() != KafkaError.ELECTION_NOT_NEEDED:
            raise KafkaException(error)


def alter_broker(client: AdminClient, broker: int, values: Mapping[str, str]) -> None:
    """The broker was told the values, at least one; those that it had besides stay."""
    told = ConfigResource(ConfigResource.Type.BROKER, str(broker))
    for key, value in values.items():
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        told.add_incremental_config(entry)
    for future in client.incremental_alter_configs([told]).values():
        result_of(future)


def result_of(future: Future[Any]) -> Any:
    """What the future brings; a failure when it takes longer than a request may."""
    # librdkafka keeps the limit itself; the second one is for a thread of its that died.
    try:
        return future.result(timeout=2 * REQUEST_SECONDS)
    except TimeoutError:
        raise late("librdkafka did not answer") from None


def _partitions(metadata: ClusterMetadata) -> Iterator[Partition]:
    for topic in sorted(metadata.topics):
        for number, found in sorted(metadata.topics[topic].partitions.items()):
            leader = found.leader if found.leader >= 0 else None
            yield Partition(topic, number, leader, tuple(found.replicas), tuple(found.isrs))


def _lists(kind: ResourceType, principal: str | None = None) -> AclBindingFilter:
    """Every entry of every list of this kind of resource; the product makes no others."""
    return AclBindingFilter(
        kind,
        _ANY,
        ResourcePatternType.LITERAL,
        principal or _ANY,
        _ANY,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _binding(topic: str, permission: Permission) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        permission.principal,
        permission.host,
        _OPERATIONS[permission.operation],
        AclPermissionType.ALLOW,
    )
