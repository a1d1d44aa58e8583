"""What stands in ZooKeeper before the first broker starts: permissions and users."""

from __future__ import annotations

import json

from hypothesis import given

from flows.domain.cluster import ZNode
from flows.domain.instance import Instance
from flows.domain.permissions import OPEN_TOPIC, permission_nodes, user_node, user_parents
from tests.domain.samples import SELDOM, instance, instances, wish


def lists(whole: Instance) -> dict[str, set[tuple[str, str, str]]]:
    """Resource -> principal, operation and host of every entry; all of them allow."""
    found = {}
    for node in permission_nodes(whole):
        if node.data:
            value = json.loads(node.data)
            assert value["version"] == 1
            assert {entry["permissionType"] for entry in value["acls"]} == {"Allow"}
            found[node.path.removeprefix("/kafka-acl/")] = {
                (entry["principal"], entry["operation"], entry["host"]) for entry in value["acls"]
            }
    return found


@SELDOM
@given(instances())
def test_everybody_may_do_four_harmless_things_to_the_cluster(whole: Instance) -> None:
    """Without the list any client of 2.7.2 could set another user's password."""
    operations = {"Describe", "DescribeConfigs", "Create", "IdempotentWrite"}
    wanted = {("User:*", operation, "*") for operation in operations}
    assert lists(whole)["Cluster/kafka-cluster"] == wanted


@SELDOM
@given(instances())
def test_kafkas_own_topics_are_the_products(whole: Instance) -> None:
    product = {(f"User:CN=control,O={whole.organization}", "All", "*")}
    assert lists(whole)["Topic/__consumer_offsets"] == product
    assert lists(whole)["Topic/__transaction_state"] == product


def test_the_probe_has_its_topic_alone() -> None:
    secured = instance(wish(sasl_ssl=True, first_user="alice"))
    probe = {("User:__fleet_probe", each, "*") for each in ("Read", "Write", "Describe")}
    product = (f"User:CN=control,O={secured.organization}", "All", "*")
    assert lists(secured)["Topic/__fleet_probe"] == {product, *probe}


def test_without_users_the_probe_is_known_by_its_address() -> None:
    """Everybody is ANONYMOUS then; only the control plane's address is the probe's."""
    whole = instance()
    probe = {
        ("User:ANONYMOUS", each, whole.control_address) for each in ("Read", "Write", "Describe")
    }
    product = (f"User:CN=control,O={whole.organization}", "All", "*")
    assert lists(whole)["Topic/__fleet_probe"] == {product, *probe}


@SELDOM
@given(instances())
def test_parents_come_first_and_permissions_can_be_read(whole: Instance) -> None:
    nodes = permission_nodes(whole)
    seen = {""}
    for node in nodes:
        assert node.path.rpartition("/")[0] in seen
        seen.add(node.path)
    assert all(node.public for node in nodes)
    assert [node.path for node in nodes] == list(dict.fromkeys(node.path for node in nodes))


def test_users_are_closed_even_to_readers() -> None:
    user = user_node("alice", "salt=x,stored_key=y,server_key=z,iterations=8192")
    assert user_parents() == (ZNode("/config"), ZNode("/config/users"))
    assert not any(node.public for node in (user, *user_parents()))
    assert user.path == "/config/users/alice"
    assert json.loads(user.data) == {
        "version": 1,
        "config": {"SCRAM-SHA-512": "salt=x,stored_key=y,server_key=z,iterations=8192"},
    }


def test_an_open_topic_can_be_used_by_everybody_and_changed_by_nobody() -> None:
    assert {(each.principal, each.operation, each.host) for each in OPEN_TOPIC} == {
        ("User:*", operation, "*") for operation in ("Read", "Write", "Describe", "DescribeConfigs")
    }
