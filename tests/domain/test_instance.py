"""The words of the domain: instances, listeners, statuses, what Kafka says, errors."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.domain.cluster import Cluster
from flows.domain.errors import (
    EffectFailed,
    GateTimeout,
    Refused,
    ServiceError,
    Superseded,
    refusal,
)
from flows.domain.instance import (
    ENSEMBLE,
    Instance,
    Status,
    host_name,
    machine_name,
    zone_of,
)
from flows.domain.listeners import ListenerName, Protocol
from flows.domain.operations import Door, OperationStatus, Rating, Trace
from tests.domain.samples import ID, OFTEN, SELDOM, blank, instance, instances, part, wish


@SELDOM
@given(instances())
def test_no_two_listeners_of_an_instance_have_one_address_and_port(whole: Instance) -> None:
    found = [
        (listener.advertised_host, listener.port)
        for broker in whole.brokers
        for listener in whole.listeners(broker)
    ]
    assert len(found) == 4 * len(whole.brokers)
    assert len(set(found)) == len(found)


@SELDOM
@given(instances())
def test_listeners_have_the_ports_and_protocols_of_the_contract(whole: Instance) -> None:
    secured = whole.wish.sasl_ssl
    clients = Protocol.SASL_SSL if secured else Protocol.PLAINTEXT
    for broker in whole.brokers:
        found = {each.name: (each.port, each.protocol) for each in whole.listeners(broker)}
        assert found == {
            ListenerName.INTERNAL: (9090, Protocol.SSL),
            ListenerName.CONTROL: (9091, Protocol.SSL),
            ListenerName.PRIVATE: (9093 if secured else 9092, clients),
            ListenerName.CROSS: (9011, clients),
        }


@SELDOM
@given(instances())
def test_only_clients_listeners_can_be_without_a_certificate(whole: Instance) -> None:
    for listener in whole.listeners(whole.brokers[0]):
        assert listener.for_clients == (listener.name in ("PRIVATE", "CROSS"))
        assert listener.secured == (not listener.for_clients or whole.wish.sasl_ssl)


@SELDOM
@given(instances())
def test_clients_get_one_address_per_broker(whole: Instance) -> None:
    port = 9093 if whole.wish.sasl_ssl else 9092
    private = whole.addresses(ListenerName.PRIVATE)
    assert private == ",".join(f"{broker.address}:{port}" for broker in whole.brokers)
    assert whole.addresses(ListenerName.PUBLIC) is None


@SELDOM
@given(instances())
def test_zookeeper_lives_with_the_first_three_brokers_spread_over_the_zones(
    whole: Instance,
) -> None:
    assert [broker.id for broker in whole.ensemble] == [1, 2, 3]
    zones = {broker.zone for broker in whole.ensemble}
    assert len(zones) == min(whole.wish.availability_zones, ENSEMBLE)
    hosts = [each.removesuffix(":2181") for each in whole.zookeeper_connect.split(",")]
    assert [str(ip_address(each)) for each in hosts] == [b.address for b in whole.ensemble]


@OFTEN
@given(zones=st.integers(1, 6), broker=st.integers(1, 40))
def test_brokers_take_the_zones_in_turn(zones: int, broker: int) -> None:
    names = tuple(f"zone-{number}" for number in range(1, zones + 1))
    assert zone_of(broker, names) == f"zone-{(broker - 1) % zones + 1}"


def test_an_instance_without_machines_has_no_addresses() -> None:
    bare = blank()
    assert bare.listeners(bare.brokers[0]) == ()
    assert bare.addresses(ListenerName.PRIVATE) is None


def test_names_follow_from_the_id_and_subjects_from_the_organization() -> None:
    whole = instance()
    assert (whole.name, whole.chroot) == ("demo", f"/{ID}")
    assert (machine_name(ID, 2, 3), host_name(ID, 2)) == (f"{ID}-2-3", f"{ID}-2")
    assert whole.principal_broker == "CN=broker,O=k7m2p9qa-x1y2z3w4"
    assert whole.principal_control == "CN=control,O=k7m2p9qa-x1y2z3w4"


def test_statuses_are_the_words_of_the_contract() -> None:
    assert [str(status) for status in Status] == [
        "Creating", "Running", "Faulty", "Restarting", "Changing", "Change failed", "Deleting",
        "Deleted",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "mechanisms"),
    [
        ({}, ()),
        ({"sasl_ssl": True}, ("SCRAM-SHA-512",)),
        ({"sasl_ssl": True, "sasl_plain": True}, ("SCRAM-SHA-512", "PLAIN")),
        ({"sasl_plain": True}, ()),
    ],
)
def test_mechanisms_follow_from_the_wish(
    changes: dict[str, bool], mechanisms: tuple[str, ...]
) -> None:
    assert wish(**changes).mechanisms == mechanisms


def test_a_wish_cannot_be_changed_nor_hold_what_nobody_knows() -> None:
    with pytest.raises(ValidationError):
        wish().brokers = 5  # type: ignore[misc]
    with pytest.raises(ValidationError):
        wish(colour="red")


def test_topics_of_users_are_those_without_leading_underscores() -> None:
    topics = ("orders", "__consumer_offsets", "_mine", "orders")
    cluster = Cluster(
        partitions=tuple(part(topic, n, 1, (1, 2, 3)) for n, topic in enumerate(topics))
    )
    assert cluster.topics == ("__consumer_offsets", "_mine", "orders")
    assert cluster.user_topics == ("_mine", "orders")


def test_the_first_replica_is_the_preferred_leader() -> None:
    assert part("orders", 0, 2, (2, 1, 3)).preferred_leader == 1
    assert part("orders", 0, 2, (2, 3)).under_replicated
    assert not part("orders", 0, 2, (3, 2, 1)).under_replicated


@pytest.mark.parametrize("kind", [Refused, GateTimeout, EffectFailed, Superseded])
def test_every_error_is_one_that_people_are_told(kind: type[ServiceError]) -> None:
    assert issubclass(kind, ServiceError)
    others = {Refused, GateTimeout, EffectFailed, Superseded} - {kind}
    assert not any(issubclass(kind, other) for other in others)


def test_a_refusal_shows_field_value_and_rule() -> None:
    assert str(refusal("brokers", 2, "3 to 30")) == "brokers 2: 3 to 30"
    assert str(refusal("name", "x y", "no blanks")) == 'name "x y": no blanks'


def test_the_words_of_history_and_audit_are_those_of_the_contract() -> None:
    assert list(OperationStatus) == ["running", "successful", "failed", "refused", "interrupted"]
    assert list(Rating) == ["normal", "warning", "incident"]
    assert list(Door) == ["ui", "cli", "schedule", "chat", "python"]


def test_what_is_remembered_cannot_be_changed_afterwards() -> None:
    trace = Trace("createDMSInstanceTaskSuccess", "ada", Door.CLI, "demo", {}, "done")
    assert trace.rating is Rating.NORMAL
    with pytest.raises(FrozenInstanceError):
        trace.result = "failed"  # type: ignore[misc]
