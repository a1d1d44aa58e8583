"""The ensemble of an instance: who owns what, who is let in, and what happens when it is not there.

The ZooKeeper is real; what it knows is looked at with kazoo itself.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.security import ACL, Id

from flows.adapters.kafka import ConfluentKafka
from flows.adapters.zookeeper import KazooZooKeeper
from flows.domain.cluster import NewTopic, ZNode
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.permissions import OPEN_TOPIC, permission_nodes, user_parents
from flows.domain.scram import scram_value
from tests.adapters.contracts import registrations_contract, zookeeper_contract
from tests.adapters.kafka_on_loopback import (
    Loopback,
    an_instance,
    free_address,
    kafka_on_loopback,
)

OWN = {ACL(31, Id("sasl", "kafka"))}
PUBLIC = OWN | {ACL(1, Id("world", "anyone"))}


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    with kafka_on_loopback() as running:
        yield running


@pytest.mark.lab
def test_keeps_the_contract_of_zookeeper(loopback: Loopback) -> None:
    zookeeper_contract(loopback.zookeeper, loopback.instance)


@pytest.mark.lab
def test_keeps_the_contract_of_registrations(loopback: Loopback) -> None:
    registrations_contract(loopback.zookeeper, loopback.instance)


@pytest.mark.lab
def test_what_was_written_before_the_first_start_still_stands(loopback: Loopback) -> None:
    nodes = [*user_parents(), *permission_nodes(loopback.instance)]
    assert loopback.written_before_start == len(nodes) + 1, "the probe's user too"
    assert loopback.zookeeper.write(loopback.instance, nodes) == 0


@pytest.mark.lab
@pytest.mark.parametrize(
    ("path", "acl"),
    [
        ("/", PUBLIC),
        ("/{id}", PUBLIC),
        ("/{id}/kafka-acl/Cluster/kafka-cluster", PUBLIC),
        ("/{id}/config/users", OWN),
        ("/{id}/config/users/__fleet_probe", OWN),
    ],
)
def test_nodes_belong_to_the_login_alone(loopback: Loopback, path: str, acl: set[ACL]) -> None:
    with _client(loopback) as client:
        found, _ = client.get_acls(path.format(id=loopback.instance.id))
    assert set(found) == acl


@pytest.mark.lab
def test_the_same_json_in_another_spelling_is_left_alone(loopback: Loopback) -> None:
    spelled = [ZNode("/spelled", '{"version":1,"acls":[]}')]
    assert loopback.zookeeper.write(loopback.instance, spelled) == 1
    again = [ZNode("/spelled", '{ "acls": [], "version": 1 }')]
    assert loopback.zookeeper.write(loopback.instance, again) == 0


@pytest.mark.lab
def test_merging_keeps_what_others_wrote(loopback: Loopback) -> None:
    zookeeper, instance = loopback.zookeeper, loopback.instance
    path, quota, user = "/config/users/merged", {"producer_byte_rate": "1000"}, _scram("Any-one-1")
    assert zookeeper.merge_config(instance, path, quota) is True
    assert zookeeper.merge_config(instance, path, user) is True
    assert zookeeper.merge_config(instance, path, user) is False
    assert _config(loopback, path) == {**quota, **user}


@pytest.mark.lab
def test_merging_at_the_same_time_loses_nothing(loopback: Loopback) -> None:
    path = "/config/users/contended"
    quotas = ("producer_byte_rate", "consumer_byte_rate", "request_percentage")
    together = threading.Barrier(len(quotas))

    def merge(quota: str) -> None:
        together.wait(timeout=10)
        loopback.zookeeper.merge_config(loopback.instance, path, {quota: "100"})

    with ThreadPoolExecutor(len(quotas)) as pool:
        list(pool.map(merge, quotas))
    assert _config(loopback, path) == dict.fromkeys(quotas, "100")


@pytest.mark.lab
def test_a_running_broker_reads_what_is_announced(loopback: Loopback) -> None:
    instance = loopback.instance
    loopback.kafka.create_topic(instance, NewTopic("announced", {0: (1,)}))
    loopback.kafka.grant(instance, "announced", OPEN_TOPIC)
    alice = replace(loopback.credentials, probe_user="alice", probe_password="Changed-1")
    loopback.zookeeper.merge_config(instance, "/config/users/alice", _scram("Changed-1"))
    loopback.zookeeper.announce(instance, "users/alice")
    kafka = ConfluentKafka(lambda _: alice, loopback.zookeeper)
    assert kafka.round_trip(instance, "announced", 3).received == 3


@pytest.mark.lab
def test_the_only_broker_is_the_controller(loopback: Loopback) -> None:
    assert loopback.zookeeper.controller(loopback.instance) == 1


@pytest.mark.lab
@pytest.mark.parametrize("user", ["kafka", "super", "nobody"])
def test_another_login_is_refused_in_one_sentence(
    loopback: Loopback, user: str, capfd: pytest.CaptureFixture[str]
) -> None:
    password = "wrong" if user == "kafka" else loopback.zookeeper_password
    zookeeper = KazooZooKeeper(lambda _: (user, password), limit_seconds=5)
    with pytest.raises(EffectFailed, match="refused the product's login") as refused:
        zookeeper.write(loopback.instance, [ZNode("/config/users/mallory", "x")])
    assert str(refused.value).startswith("ZooKeeper of on-loopback: ")
    assert password not in str(refused.value)
    assert capfd.readouterr().err == ""


@pytest.mark.lab
def test_a_connection_that_breaks_between_question_and_answer_is_no_failure(
    loopback: Loopback,
) -> None:
    broker = loopback.instance.brokers[0]
    with _cutting_line(str(broker.address), at=b"/cut") as (address, cuts):
        far = replace(loopback.instance, brokers=(replace(broker, address=address),))
        assert loopback.zookeeper.write(far, [ZNode("/cut", "whole")]) == 1
    assert len(cuts) == 1
    assert loopback.zookeeper.write(loopback.instance, [ZNode("/cut", "whole")]) == 0


@pytest.mark.lab
def test_calls_that_stay_connected_share_a_session_that_outlives_a_break(
    loopback: Loopback,
) -> None:
    begun: list[str] = []

    def login(_: Instance) -> tuple[str, str]:
        begun.append("a session")
        return "kafka", loopback.zookeeper_password

    zookeeper, broker = KazooZooKeeper(login), loopback.instance.brokers[0]
    with _cutting_line(str(broker.address), at=b"/shared") as (address, cuts):
        far = replace(loopback.instance, brokers=(replace(broker, address=address),))
        with zookeeper.staying_connected(far):
            assert zookeeper.registrations(far) == zookeeper.registrations(far)
            assert zookeeper.write(far, [ZNode("/shared", "whole")]) == 1
            assert zookeeper.state(far).registrations == zookeeper.registrations(far)
        assert (len(begun), len(cuts)) == (1, 1)
        zookeeper.registrations(far)
    assert len(begun) == 2


@pytest.mark.lab
def test_who_has_no_login_is_refused(loopback: Loopback) -> None:
    client = KazooClient(f"{loopback.instance.brokers[0].address}:2181", timeout=5)
    client.start(timeout=5)
    try:
        with pytest.raises(KazooException):
            client.get_children(f"/{loopback.instance.id}")
    finally:
        client.stop()
        client.close()


def test_an_ensemble_that_is_not_there_fails_in_one_sentence() -> None:
    instance = an_instance(free_address(), sasl_ssl=True)
    zookeeper = KazooZooKeeper(lambda _: ("kafka", "any"))
    assert zookeeper.serving(instance) == ()
    with pytest.raises(EffectFailed) as failed:
        zookeeper.registrations(instance)
    assert str(failed.value) == "ZooKeeper of on-loopback: no node of the ensemble serves"


@pytest.mark.parametrize(("mode", "leader"), [("leader", 1), ("standalone", 1), ("follower", None)])
def test_the_leader_is_who_calls_itself_so(mode: str, leader: int | None) -> None:
    with _listening(f"Zookeeper version: 3.8.6\nMode: {mode}\n".encode()) as address:
        instance = an_instance(address, sasl_ssl=True)
        assert KazooZooKeeper(lambda _: ("kafka", "any")).leader(instance) == leader


def test_a_broker_without_an_address_does_not_serve() -> None:
    instance = an_instance(free_address(), sasl_ssl=True)
    instance = replace(instance, brokers=(replace(instance.brokers[0], address=None),))
    assert KazooZooKeeper(lambda _: ("kafka", "any")).serving(instance) == ()


def test_a_node_that_listens_but_does_not_serve_yet_is_not_among_the_serving() -> None:
    answer = b"This ZooKeeper instance is not currently serving requests\n"
    with _listening(answer) as address:
        instance = an_instance(address, sasl_ssl=True)
        assert KazooZooKeeper(lambda _: ("kafka", "any")).serving(instance) == ()


def test_a_node_that_never_answers_is_given_up_after_two_seconds() -> None:
    with _listening(None) as address:
        instance = an_instance(address, sasl_ssl=True)
        since = time.monotonic()
        assert KazooZooKeeper(lambda _: ("kafka", "any")).serving(instance) == ()
        assert time.monotonic() - since < 4


@contextmanager
def _listening(answer: bytes | None) -> Iterator[str]:
    """A server on ZooKeeper's port that says this and hangs up, or says nothing at all."""
    address = free_address()
    with socket.create_server((address, 2181)) as server:
        if answer is not None:
            threading.Thread(target=_answer_once, args=(server, answer), daemon=True).start()
        yield address


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(16)
        connection.sendall(answer)


@contextmanager
def _cutting_line(target: str, at: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """An address that leads to the target, and hangs up once: when a question holds these bytes."""
    address, cuts = free_address(), list[bytes]()

    def forward(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if at in data and not cuts:
                    cuts.append(data)
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near = server.accept()[0]
                far = stack.enter_context(socket.create_connection((target, 2181)))
                stack.enter_context(near)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=forward, args=ends, daemon=True).start()

    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server((address, 2181)))
        threading.Thread(target=accept, daemon=True).start()
        yield address, cuts
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def _client(loopback: Loopback) -> Iterator[KazooClient]:
    login = {
        "mechanism": "DIGEST-MD5",
        "username": "kafka",
        "password": loopback.zookeeper_password,
    }
    hosts = f"{loopback.instance.brokers[0].address}:2181"
    client = KazooClient(hosts, timeout=5, sasl_options=login)
    client.start(timeout=5)
    try:
        yield client
    finally:
        client.stop()
        client.close()


def _scram(password: str) -> dict[str, str]:
    return {"SCRAM-SHA-512": scram_value(password, os.urandom(16), iterations=4096)}


def _config(loopback: Loopback, path: str) -> dict[str, str]:
    with _client(loopback) as client:
        data, _ = client.get(loopback.instance.chroot + path)
    return dict(json.loads(data)["config"])
