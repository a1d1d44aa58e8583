"""Who may do what on the cluster, as ZooKeeper nodes written before the first broker starts.

The authorizer lets everybody do what no list forbids (SPEC 3), so the cluster itself, Kafka's
own topics and the probe's topic get a list at creation; without them any client of 2.7.2 could
set another user's password.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from flows.domain.cluster import PROBE_TOPIC, Permission, ZNode
from flows.domain.instance import Instance
from flows.domain.names import PROBE_USER

ANYONE = "User:*"
CLUSTER_OPERATIONS = ("Describe", "DescribeConfigs", "Create", "IdempotentWrite")
TOPIC_OPERATIONS = ("Read", "Write", "Describe", "DescribeConfigs")

OPEN_TOPIC = tuple(Permission(ANYONE, operation) for operation in TOPIC_OPERATIONS)
"""What a topic without a grant allows: everything but changing and deleting it."""


def permission_nodes(instance: Instance) -> tuple[ZNode, ...]:
    """The parents and the lists, parents first."""
    cluster = [Permission(ANYONE, operation) for operation in CLUSTER_OPERATIONS]
    product = [Permission(f"User:{instance.principal_control}", "All")]
    return (
        *(ZNode(f"/{path}", public=True) for path in ("kafka-acl", "kafka-acl/Cluster")),
        ZNode("/kafka-acl/Topic", public=True),
        _list("Cluster/kafka-cluster", cluster),
        _list("Topic/__consumer_offsets", product),
        _list("Topic/__transaction_state", product),
        _list(f"Topic/{PROBE_TOPIC}", [*product, *_probe(instance)]),
    )


def user_node(user: str, scram: str) -> ZNode:
    """The node that makes a SCRAM user; in force at the first login."""
    text = json.dumps({"version": 1, "config": {"SCRAM-SHA-512": scram}})
    return ZNode(user_path(user), text)


def user_path(user: str) -> str:
    """Where SCRAM values and quotas of a user lie, side by side."""
    return f"/config/users/{user}"


def topics_of_nobody_else(
    lists: Mapping[str, Collection[Permission]], user: str
) -> tuple[str, ...]:
    """The topics that are closed to everybody but this user: without the user's permissions their
    lists would be empty, and an empty list lets everybody do everything.
    """
    principal = f"User:{user}"
    return tuple(
        topic
        for topic, permissions in sorted(lists.items())
        if permissions and all(each.principal == principal for each in permissions)
    )


def closed_topic(instance: Instance) -> tuple[Permission, ...]:
    """What keeps a topic closed that nobody may use just now: it names the product alone."""
    return (Permission(f"User:{instance.principal_control}", "All"),)


def user_parents() -> tuple[ZNode, ...]:
    """The nodes above users; `users` is closed even to readers, it holds salted hashes."""
    return (ZNode("/config"), ZNode("/config/users"))


def _probe(instance: Instance) -> Iterable[Permission]:
    secured = instance.wish.sasl_ssl
    principal, host = (
        (f"User:{PROBE_USER}", "*") if secured else ("User:ANONYMOUS", instance.control_address)
    )
    return [Permission(principal, operation, host) for operation in ("Read", "Write", "Describe")]


def _list(path: str, permissions: Iterable[Permission]) -> ZNode:
    entries = [
        {
            "principal": permission.principal,
            "permissionType": "Allow",
            "operation": permission.operation,
            "host": permission.host,
        }
        for permission in permissions
    ]
    return ZNode(f"/kafka-acl/{path}", json.dumps({"version": 1, "acls": entries}), public=True)
