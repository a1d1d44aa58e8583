"""What an ordinary user can do, and what only the product can."""

from __future__ import annotations

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from flows.domain.permissions import user_node
from flows.domain.scram import scram_value
from flows.monitoring.check_health import sweep
from tests.acceptance.parts import Demo, client
from tests.acceptance.plane import Plane

BOB = "Bobs-Own-Words-7"
REFUSED = {
    "replace a broker's settings": "CLUSTER_AUTHORIZATION_FAILED",
    "replace a topic's settings": "TOPIC_AUTHORIZATION_FAILED",
    "alter a broker": "CLUSTER_AUTHORIZATION_FAILED",
    "create an ACL": "CLUSTER_AUTHORIZATION_FAILED",
    "change a user": "CLUSTER_AUTHORIZATION_FAILED",
    "read offsets": "TOPIC_AUTHORIZATION_FAILED",
    "alter a topic": "TOPIC_AUTHORIZATION_FAILED",
    "empty a topic": "TOPIC_AUTHORIZATION_FAILED",
    "delete a topic": "TOPIC_AUTHORIZATION_FAILED",
}


@pytest.fixture(scope="module")
def bobs_topic(plane: Plane, demo: Demo) -> str:
    """A topic that a second user made himself, one sweep ago."""
    node = user_node("bob", scram_value(BOB, b"salt-of-the-earth-1234"))
    plane.doors.zookeeper.write(demo.instance, [node])
    plane.doors.zookeeper.announce(demo.instance, "users/bob")
    lan, settings = plane.lab.client("lan").netns, demo.settings("bob", BOB)
    assert client(lan, verb="create_topic", settings=settings, topic="bobs") == "ok"
    client(lan, verb="produce_and_consume", settings=settings, topic="bobs", messages=9)
    sweep(plane.doors)
    return "bobs"


def test_an_ordinary_user_cannot_touch_the_cluster_or_anothers_topic(
    plane: Plane, demo: Demo, bobs_topic: str
) -> None:
    lan = plane.lab.client("lan").netns
    tried = client(lan, verb="try_everything", settings=demo.settings(), others_topic=bobs_topic)
    assert tried == REFUSED


def test_anothers_topic_without_a_grant_stays_open_for_messages(
    plane: Plane, demo: Demo, bobs_topic: str
) -> None:
    lan = plane.lab.client("lan").netns
    answer = client(
        lan, verb="produce_and_consume", settings=demo.settings(), topic=bobs_topic, messages=3
    )
    assert answer["acknowledged"] == 3


def test_zookeeper_refuses_whoever_has_no_login(demo: Demo) -> None:
    intruder = KazooClient(hosts=f"{demo.instance.brokers[0].address}:2181", timeout=5)
    try:
        with pytest.raises(KazooException):
            _read_without_login(intruder, demo.instance.chroot)
    finally:
        intruder.stop()
        intruder.close()


def _read_without_login(intruder: KazooClient, path: str) -> None:
    intruder.start(timeout=5)
    intruder.get_children(path)
