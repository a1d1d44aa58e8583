"""Limits of connections: where they stand, when they are told anew, and what people are told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.connections import (
    address_limits_due,
    limits_after_start,
    limits_due,
    limits_in_file,
    told_limits,
)
from flows.domain.flavors import FLAVORS
from flows.domain.instance import HostState, Instance, UnitState
from flows.domain.versions import VERSIONS
from tests.domain.samples import SELDOM, instance, instances, wish, with_broker

KEYS = tuple(f"listener.name.{name}.max.connections" for name in ("private", "cross"))


def of_version(version: str, whole: Instance | None = None) -> Instance:
    """The same instance, as if it had been made with this version."""
    whole = whole or instance()
    return replace(whole, wish=whole.wish.model_copy(update={"version": version}))


def started(whole: Instance, at: float | None) -> Instance:
    """The instance, seen with every broker running since then."""
    host = HostState(owner=whole.id, kafka=UnitState.ACTIVE, kafka_started=at)
    brokers = tuple(replace(each, host=host, registered=True) for each in whole.brokers)
    return replace(whole, brokers=brokers)


FORGETFUL = started(of_version("2.3.0"), 100.0)


@SELDOM
@given(instances(), st.sampled_from(sorted(VERSIONS)))
def test_a_broker_is_never_limited_as_a_whole(whole: Instance, version: str) -> None:
    """One that is full at the broker-wide limit locks the product out."""
    whole = of_version(version, whole)
    broker = whole.brokers[0]
    told = [limits_in_file(whole, broker), *limits_after_start(whole, broker)]
    assert not any("max.connections" in values for values in told)


@SELDOM
@given(instances())
def test_the_newest_version_starts_with_the_flavors_limit(whole: Instance) -> None:
    found = limits_in_file(whole, whole.brokers[0])
    connections = str(FLAVORS[whole.wish.flavor].connections)
    limits = {key: value for key, value in found.items() if key.startswith("listener.")}
    assert limits == dict.fromkeys(KEYS, connections)
    assert limits_after_start(whole, whole.brokers[0]) == ()


@SELDOM
@given(instances())
def test_2_3_0_is_told_another_value_first_and_the_flavors_last(whole: Instance) -> None:
    """It enforces only a value that differs from the one that it believes to have."""
    whole = of_version("2.3.0", whole)
    first, last = limits_after_start(whole, whole.brokers[0])
    assert last == dict.fromkeys(KEYS, str(FLAVORS[whole.wish.flavor].connections))
    assert first.keys() == last.keys()
    assert all(first[key] != last[key] for key in KEYS)
    assert not [key for key in limits_in_file(whole, whole.brokers[0]) if key in KEYS]


def test_1_1_0_has_no_limit_per_listener() -> None:
    whole = of_version("1.1.0")
    assert limits_after_start(whole, whole.brokers[0]) == ()
    assert not [key for key in limits_in_file(whole, whole.brokers[0]) if key in KEYS]


@SELDOM
@given(instances(), st.sampled_from(sorted(VERSIONS)))
def test_the_limit_per_address_never_shuts_out_the_product_or_another_broker(
    whole: Instance, version: str
) -> None:
    """It exists broker-wide only, on every version."""
    found = limits_in_file(of_version(version, whole), whole.brokers[0])
    assert found["max.connections.per.ip"] == "1000"
    overrides = found["max.connections.per.ip.overrides"].split(",")
    known = {address: int(limit) for address, limit in (each.split(":") for each in overrides)}
    members = {str(broker.address) for broker in whole.brokers}
    assert set(known) == members | {whole.control_address}
    assert min(known.values()) > max(flavor.connections for flavor in FLAVORS.values())


@pytest.mark.parametrize("version", ["2.3.0", "2.7"])
def test_a_running_broker_is_told_of_new_addresses_once(version: str) -> None:
    whole = of_version(version)
    due = address_limits_due(whole, {})
    in_file = limits_in_file(whole, whole.brokers[0])
    assert due.keys() == {"max.connections.per.ip", "max.connections.per.ip.overrides"}
    assert due.items() <= in_file.items()
    assert address_limits_due(whole, {**due, "log.cleaner.threads": "2"}) == {}
    fewer = replace(whole, brokers=whole.brokers[:2])
    assert address_limits_due(whole, address_limits_due(fewer, {})) == due


def test_1_1_0_learns_addresses_at_a_start_only() -> None:
    assert address_limits_due(of_version("1.1.0"), {}) == {}


def test_brokers_that_started_since_they_were_told_are_due() -> None:
    assert [broker.id for broker in limits_due(FORGETFUL, {})] == [1, 2, 3]
    assert limits_due(FORGETFUL, {1: 100.0, 2: 100.0, 3: 100.0}) == ()
    again = limits_due(FORGETFUL, {1: 100.0, 2: 99.0, 3: 100.0})
    assert [broker.id for broker in again] == [2]


@pytest.mark.parametrize("version", ["1.1.0", "2.7"])
def test_nobody_is_due_where_nothing_is_told(version: str) -> None:
    assert limits_due(started(of_version(version), 100.0), {}) == ()


@pytest.mark.parametrize(
    "unseen", [{"registered": False}, {"host": None}, {"host": HostState(kafka_started=None)}]
)
def test_a_broker_that_does_not_serve_is_not_told(unseen: dict[str, object]) -> None:
    assert [each.id for each in limits_due(with_broker(FORGETFUL, 2, **unseen), {})] == [1, 3]


ADDRESS = "at most 1,000 of one client address to each broker"
TOLD = {
    "1.1.0": f"{ADDRESS}; the flavor's limit of 2,000 is not enforced: "
    "Kafka 1.1.0 has no limit of connections per listener",
    "2.3.0": f"at most 2,000 on each client listener of each broker, {ADDRESS}; Kafka "
    "2.3.0 forgets the first at a start of its own, until the next health check",
    "2.7": f"at most 2,000 on each client listener of each broker, {ADDRESS}",
}


@pytest.mark.parametrize("version", TOLD)
def test_people_are_told_what_is_enforced(version: str) -> None:
    assert told_limits(wish(version=version)) == TOLD[version]
