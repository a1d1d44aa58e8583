"""`fleet disk` and `fleet users` on the fake world."""

from __future__ import annotations

import pytest

from flows.domain.cluster import NewTopic
from flows.domain.disk_usage import Selection
from flows.domain.errors import EffectFailed, Refused
from flows.domain.instance import UnitState
from flows.queries.disk import disk
from flows.queries.users import users
from flows.users.create_user import create_user
from flows.users.reset_password import reset_password
from tests.flows.worlds import DEMO, created, the_row
from tests.world.world import World


def with_orders() -> World:
    """A topic of two partitions on an instance; the fake's replicas have 1000 and 2000 bytes."""
    world = created(DEMO)
    topic = NewTopic("orders", {0: (1, 2, 3), 1: (1, 2)})
    world.kafka.clusters[the_row(world).id].topics["orders"] = topic
    return world


def seen(world: World, brokers: tuple[int, ...] = (1, 2, 3)) -> None:
    """The last sweep saw these disks of 10,000 bytes."""
    disks = {str(number): {"total_bytes": 10_000, "used_bytes": 2_500} for number in brokers}
    world.records.set_observed(the_row(world).id, {"disks": disks})


def test_disks_and_topics_are_told_together() -> None:
    world = with_orders()
    seen(world)
    answer = disk(world.doors(), "demo", Selection())
    assert answer["topics"] == [
        {"topic": "orders", "partitions": 2, "replicas": 5, "bytes": 7000, "percent": 23.333}
    ]
    assert [each["used_percent"] for each in answer["brokers"]] == [25.0, 25.0, 25.0]
    assert (answer["more"], answer["silent_brokers"]) == (0, [])


def test_a_silent_broker_is_named() -> None:
    world = with_orders()
    next(
        host for host in world.provider.hosts.values() if host.machine.broker == 2
    ).kafka = UnitState.INACTIVE
    answer = disk(world.doors(), "demo", Selection())
    assert answer["silent_brokers"] == [2]
    assert answer["brokers"][1]["replica_bytes"] is None
    assert answer["topics"][0]["bytes"] == 4000


def test_a_percentage_of_disks_that_nobody_saw_is_not_made_up() -> None:
    world = with_orders()
    seen(world, (1, 3))
    with pytest.raises(EffectFailed, match="above_percent needs the size of every data disk"):
        disk(world.doors(), "demo", Selection(above_percent=5))
    assert disk(world.doors(), "demo", Selection())["topics"][0]["percent"] is None


def test_users_are_listed_with_the_age_of_their_passwords() -> None:
    world = created(DEMO)
    world.clock.pause(60)
    world.ask(create_user, {"instance": "demo", "user": "robert"})
    world.clock.pause(60)
    world.ask(reset_password, {"instance": "demo", "user": "robert"})
    for host in world.provider.hosts.values():
        host.running = False
    alice, robert = users(world.records, "demo")
    assert (alice["user"], alice["first"], alice["mechanisms"]) == (
        "alice", True, ["SCRAM-SHA-512", "PLAIN"]
    )  # fmt: skip
    assert alice["created"] == alice["password_set"] < robert["created"] < robert["password_set"]
    assert not robert["first"]


def test_without_sasl_ssl_there_are_no_users_to_list() -> None:
    with pytest.raises(Refused) as caught:
        users(created().records, "demo")
    assert str(caught.value) == 'instance "demo": it has no users, because SASL_SSL is off'
