"""The request of create-instance (SPEC 1.1): its defaults, and each refusal by its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.creation import CreateInstance, differing_fields, wish_of
from flows.domain.errors import Refused
from flows.domain.flavors import FLAVORS
from flows.domain.wish import CapacityPolicy, DiskType
from tests.domain.samples import OFTEN, refused, wish

DEMO = {"name": "demo"}
DEFAULTS = {"provider": "lab", "network": "lab", "subnet": "lab-lan", "security_group": "default"}
FLAVOR_NAMES = (
    "kafka.2u4g.cluster, kafka.4u8g.cluster, kafka.8u16g.cluster, kafka.12u24g.cluster, "
    "kafka.16u32g.cluster"
)
PARAMETERS = (
    "plan_only, approved_plan, name, version, flavor, brokers, storage_per_broker, disk_type, "
    "disk_encryption, capacity_policy, availability_zones, provider, network, subnet, "
    "security_group, public_access, unproved, sasl_ssl, sasl_plain, first_user, "
    "first_user_password, manager_user, manager_password, auto_create_topics, tags, "
    "description, enterprise_project, delete_protection"
)
NO_ZONE_PAIR = (
    "1, or 3 and more are accepted: with 2 the ensemble of three ZooKeepers would not survive "
    "the loss of the zone that has two of them"
)


def test_a_name_is_enough_and_the_rest_has_the_defaults_of_the_contract() -> None:
    request = CreateInstance.read(DEMO)
    assert wish_of(request, DEFAULTS) == wish()
    assert (request.plan_only, request.approved_plan) == (False, "")


def test_every_parameter_reaches_the_wish() -> None:
    request = CreateInstance.read(
        {
            "name": "orders",
            "version": "2.7",
            "flavor": "kafka.8u16g.cluster",
            "brokers": 50,
            "storage_per_broker": 200,
            "disk_type": "high",
            "disk_encryption": True,
            "capacity_policy": "stop-production",
            "availability_zones": 3,
            "network": "blue",
            "subnet": "blue-1",
            "security_group": "strict",
            "public_access": "",
            "sasl_ssl": True,
            "sasl_plain": True,
            "first_user": "alice",
            "first_user_password": "block-1",
            "manager_user": "boss",
            "manager_password": {"$ref": {"block_document_id": "block-2"}},
            "auto_create_topics": True,
            "tags": "team=blue,stage=test",
            "description": "Orders",
            "enterprise_project": "shop",
            "delete_protection": "on",
        }
    )
    assert wish_of(request, DEFAULTS) == wish(
        name="orders",
        flavor="kafka.8u16g.cluster",
        brokers=50,
        storage_per_broker=200,
        disk_type=DiskType.HIGH,
        disk_encryption=True,
        capacity_policy=CapacityPolicy.STOP_PRODUCTION,
        availability_zones=3,
        network="blue",
        subnet="blue-1",
        security_group="strict",
        sasl_ssl=True,
        sasl_plain=True,
        first_user="alice",
        manager_user="boss",
        auto_create_topics=True,
        tags=(("team", "blue"), ("stage", "test")),
        description="Orders",
        enterprise_project="shop",
        delete_protection=True,
    )
    assert (request.first_user_password, request.manager_password) == ("block-1", "block-2")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "abc"}, 'name "abc": it has 3 characters, 4 to 64 are accepted'),
    (
        {"name": "my demo"},
        'name "my demo": letters, digits, - and _ are accepted, the first one a letter',
    ),
    ({"brokers": 2}, "brokers 2: kafka.2u4g.cluster has 3 to 30 brokers"),
    ({"brokers": 31}, "brokers 31: kafka.2u4g.cluster has 3 to 30 brokers"),
    (
        {"brokers": 51, "flavor": "kafka.16u32g.cluster"},
        "brokers 51: kafka.16u32g.cluster has 3 to 50 brokers",
    ),
    (
        {"brokers": "many"},
        'brokers "many": accepted is a valid integer, unable to parse string as an integer',
    ),
    (
        {"storage_per_broker": 150},
        "storage_per_broker 150: at least 100 GB in steps of 100 are accepted",
    ),
    (
        {"storage_per_broker": 0},
        "storage_per_broker 0: at least 100 GB in steps of 100 are accepted",
    ),
    (
        {"storage_per_broker": 100_100},
        "storage_per_broker 100100: with 3 brokers the total is 300300 GB; kafka.2u4g.cluster "
        "has 300 to 300000 GB in total",
    ),
    ({"availability_zones": 2}, f"availability_zones 2: {NO_ZONE_PAIR}"),
    ({"availability_zones": 0}, "availability_zones 0: 1, or 3 to 3 (the brokers) accepted"),
    (
        {"availability_zones": 5, "brokers": 4},
        "availability_zones 5: 1, or 3 to 4 (the brokers) accepted",
    ),
    (
        {"public_access": "2001:db8::1,10.0.0.1,10.0.0.2"},
        'public_access "2001:db8::1": an EIP must be an IPv4 address, not IPv6',
    ),
    (
        {"public_access": ["broker.example.com"]},
        'public_access "broker.example.com": IPv4 addresses are accepted',
    ),
    (
        {"public_access": "198.18.1.1"},
        "public_access 1 EIPs: one per broker is accepted, 3 of them",
    ),
    (
        {"public_access": "198.18.1.1,198.18.1.2,198.18.1.1"},
        'public_access "198.18.1.1": brokers 1 and 3 cannot have the same EIP',
    ),
    ({"sasl_plain": True}, 'sasl_plain "on": it needs sasl_ssl on as well'),
    (
        {"sasl_ssl": True},
        "first_user: with sasl_ssl on the name of the first user is required",
    ),
    (
        {"sasl_ssl": True, "first_user": ""},
        "first_user: with sasl_ssl on the name of the first user is required",
    ),
    ({"first_user": "alice"}, 'first_user "alice": users exist only with sasl_ssl on'),
    (
        {"first_user_password": "block-1"},
        "first_user_password: users exist only with sasl_ssl on",
    ),
    (
        {"sasl_ssl": True, "first_user": "Kafka"},
        'first_user "Kafka": the name is reserved; choose one other than ANONYMOUS, broker, '
        "control, kafka, super, zkpeer",
    ),
    (
        {"manager_user": "bo"},
        'manager_user "bo": it has 2 characters, 4 to 64 are accepted',
    ),
    ({"manager_password": "block-1"}, "manager_password: it needs manager_user as well"),
    ({"version": "2.8"}, 'version "2.8": accepted are 1.1.0, 2.3.0, 2.7'),
    ({"version": "2.7.2"}, 'version "2.7.2": accepted are 1.1.0, 2.3.0, 2.7'),
    ({"version": ""}, 'version "": accepted are 1.1.0, 2.3.0, 2.7'),
    ({"flavor": "kafka.1u1g"}, f'flavor "kafka.1u1g": accepted are {FLAVOR_NAMES}'),
    ({"disk_type": "slow"}, 'disk_type "slow": accepted are high, ultra'),
    (
        {"capacity_policy": "ignore"},
        'capacity_policy "ignore": accepted are delete-oldest, stop-production',
    ),
    (
        {"sasl_ssl": "perhaps"},
        'sasl_ssl "perhaps": accepted is a valid boolean, unable to interpret input',
    ),
    ({"tags": "a=1,a=2"}, 'tags "a": a key may stand only once'),
    ({"colour": "red"}, f"colour: there is no such parameter; accepted are {PARAMETERS}"),
    (
        {"first_user_password": {"$ref": 5}},
        "a secret is given as the name of a Secret block or by the form's picker",
    ),
    (
        {"first_user_password": 12345678},
        'first_user_password "(not shown)": accepted is a valid string',
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_each_broken_rule_is_refused_by_its_sentence(
    changes: Mapping[str, Any], sentence: str
) -> None:
    assert refused(lambda: CreateInstance.read({**DEMO, **changes})) == sentence


def test_a_name_is_required() -> None:
    assert refused(lambda: CreateInstance.read({})) == "name: it is required"


@pytest.mark.parametrize("field", ["first_user_password", "manager_password"])
@pytest.mark.parametrize("password", ["xx-Alice-1", "xx-eciLA-1"])
def test_a_password_is_checked_against_its_own_user(field: str, password: str) -> None:
    secured = {**DEMO, "sasl_ssl": True}
    users = {"first_user_password": "first_user", "manager_password": "manager_user"}
    names = {"first_user": "bobby", "manager_user": "bobby", users[field]: "alice"}
    request = CreateInstance.read({**secured, **names})
    other = next(name for name in users if name != field)
    request.check_secrets({other: password})
    assert refused(lambda: request.check_secrets({field: password})) == (
        f'{field} "(not shown)": it may not be or contain the user\'s name, forwards or backwards'
    )


def test_a_weak_password_is_refused_whoevers_it_is() -> None:
    request = CreateInstance.read({**DEMO, "manager_user": "bobby"})
    assert refused(lambda: request.check_secrets({"manager_password": "tooweak"})) == (
        'manager_password "(not shown)": 8 to 32 characters are accepted'
    )


@OFTEN
@given(
    flavor=st.sampled_from(sorted(FLAVORS)),
    brokers=st.integers(-1, 60),
    storage=st.integers(-1, 6_000).map(lambda tens: tens * 50),
)
def test_size_is_accepted_exactly_within_the_flavor(
    flavor: str, brokers: int, storage: int
) -> None:
    row = FLAVORS[flavor]
    fits = (
        row.min_brokers <= brokers <= row.max_brokers
        and storage >= 100
        and storage % 100 == 0
        and row.min_storage_gb <= storage * brokers <= row.max_storage_gb
    )
    raw = {**DEMO, "flavor": flavor, "brokers": brokers, "storage_per_broker": storage}
    try:
        CreateInstance.read(raw)
    except Refused:
        assert not fits
    else:
        assert fits


@OFTEN
@given(zones=st.integers(-2, 12), brokers=st.integers(3, 10))
def test_zones_are_one_or_at_least_three_and_at_most_the_brokers(zones: int, brokers: int) -> None:
    accepted = zones == 1 or 3 <= zones <= brokers
    try:
        CreateInstance.read({**DEMO, "availability_zones": zones, "brokers": brokers})
    except Refused:
        assert not accepted
    else:
        assert accepted


def test_the_same_request_means_the_same_wish() -> None:
    assert differing_fields(wish(), wish()) == ()


def test_fields_that_differ_are_named_in_the_order_of_the_request() -> None:
    other = wish(auto_create_topics=True, brokers=5, tags=(("a", "b"),), network="blue")
    assert differing_fields(other, wish()) == (
        "brokers",
        "network",
        "auto_create_topics",
        "tags",
    )


def test_a_restart_that_was_asked_for_meanwhile_is_no_other_wish() -> None:
    assert differing_fields(wish(), wish(start_generation=4)) == ()


def test_an_empty_network_is_the_providers() -> None:
    asked = wish_of(CreateInstance.read({**DEMO, "subnet": "mine"}), DEFAULTS)
    assert (asked.network, asked.subnet, asked.security_group) == ("lab", "mine", "default")
