"""The plan of create-instance: what is left to make, and what the provider cannot carry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flows.domain.creation import CreateInstance, CreationPlan, plan_creation
from flows.domain.instance import Instance, Status
from flows.domain.machines import Room
from flows.domain.surroundings import Surroundings
from tests.domain.samples import blank, instance, refused, serving, wish, with_broker

REQUEST = CreateInstance.read({"name": "demo"})
ROOMY = Surroundings(
    provider="the lab",
    zones=("zone-1", "zone-2", "zone-3"),
    free=Room(memory_mb=12_288, disk_gb=300),
    need_per_machine=Room(memory_mb=4_096, disk_gb=100),
)


def plan(whole: Instance, request: CreateInstance = REQUEST) -> CreationPlan:
    """The plan for an instance as it was seen."""
    return plan_creation(whole, request)


def words(whole: Instance) -> list[tuple[str, str]]:
    """What the plan says will be done to whom."""
    return [(step.subject, step.words) for step in plan(whole).steps]


def test_a_blank_instance_needs_everything_broker_by_broker() -> None:
    asked = wish(brokers=4, availability_zones=3, storage_per_broker=200)
    assert words(blank(asked)) == [
        ("broker 1", "make a machine in zone-1: 2 vCPUs, 4 GB, 200 GB of disk"),
        ("broker 1", "deliver and start Kafka 2.7.2 and ZooKeeper"),
        ("broker 2", "make a machine in zone-2: 2 vCPUs, 4 GB, 200 GB of disk"),
        ("broker 2", "deliver and start Kafka 2.7.2 and ZooKeeper"),
        ("broker 3", "make a machine in zone-3: 2 vCPUs, 4 GB, 200 GB of disk"),
        ("broker 3", "deliver and start Kafka 2.7.2 and ZooKeeper"),
        ("broker 4", "make a machine in zone-1: 2 vCPUs, 4 GB, 200 GB of disk"),
        ("broker 4", "deliver and start Kafka 2.7.2"),
        ("instance", "prove it with produced and consumed messages"),
    ]


def test_what_is_there_is_not_planned_again() -> None:
    whole = replace(instance(), status=Status.CREATING)
    whole = with_broker(whole, 1, registered=True)
    whole = with_broker(whole, 3, machine=None, address=None)
    assert words(whole) == [
        ("broker 2", "deliver and start Kafka 2.7.2 and ZooKeeper"),
        ("broker 3", "make a machine in zone-1: 2 vCPUs, 4 GB, 100 GB of disk"),
        ("broker 3", "deliver and start Kafka 2.7.2 and ZooKeeper"),
        ("instance", "prove it with produced and consumed messages"),
    ]


def test_a_creation_that_only_lost_its_report_is_proved_again() -> None:
    whole = replace(serving(instance()), status=Status.CREATING)
    assert words(whole) == [("instance", "prove it with produced and consumed messages")]


@pytest.mark.parametrize("status", [Status.RUNNING, Status.FAULTY])
def test_a_finished_instance_leaves_nothing_to_do(status: Status) -> None:
    done = plan(replace(instance(), status=status))
    assert done.empty
    assert done.warnings == ()


@pytest.mark.parametrize(
    "status",
    [
        Status.RESTARTING,
        Status.CHANGING,
        Status.CHANGE_FAILED,
        Status.DELETING,
        Status.DELETED,
    ],
)
def test_a_creation_does_not_go_on_from_another_operations_status(status: Status) -> None:
    assert refused(lambda: plan(replace(instance(), status=status))) == (
        f'name "demo": the instance of that name is {status}; what was begun must be finished '
        "first, or choose another name"
    )


def test_what_nobody_enforces_yet_is_said() -> None:
    asked: dict[str, Any] = {"name": "demo", "capacity_policy": "stop-production"}
    policy = "capacity_policy stop-production: recorded, not yet enforced"
    assert plan(blank(), CreateInstance.read(asked)).warnings == (policy,)
    with_manager = CreateInstance.read({**asked, "manager_user": "boss"})
    manager = "manager_user, manager_password: recorded, not yet enforced"
    assert plan(blank(), with_manager).warnings == (policy, manager)


def test_what_exactly_fits_is_accepted() -> None:
    assert not plan(blank(surroundings=ROOMY)).empty


def test_too_little_memory_is_refused_with_what_is_needed_and_what_is_there() -> None:
    tight = replace(ROOMY, free=Room(memory_mb=12_287, disk_gb=300))
    assert refused(lambda: plan(blank(surroundings=tight))) == (
        "brokers 3: they need 12288 MB of memory together and the lab has 12287 MB free; choose "
        "fewer brokers or a smaller flavor"
    )


def test_too_little_disk_is_refused_with_what_is_needed_and_what_is_there() -> None:
    tight = replace(ROOMY, free=Room(memory_mb=12_288, disk_gb=299))
    assert refused(lambda: plan(blank(surroundings=tight))) == (
        "storage_per_broker: 3 brokers need 300 GB of disk together and the lab has 299 GB free; "
        "choose less storage or fewer brokers"
    )


def test_room_is_only_asked_for_machines_that_are_missing() -> None:
    whole = replace(instance(surroundings=ROOMY), status=Status.CREATING)
    tight = replace(ROOMY, free=Room(memory_mb=4_096, disk_gb=100))
    one_missing = with_broker(replace(whole, surroundings=tight), 2, machine=None, address=None)
    assert not plan(one_missing).empty


def test_the_provider_objects_by_name_before_anything_else() -> None:
    objecting = replace(ROOMY, objections=('subnet "blue": the lab has only "lab-lan"', "more"))
    assert refused(lambda: plan(blank(surroundings=objecting))) == (
        'subnet "blue": the lab has only "lab-lan"; more'
    )


def test_zones_that_the_provider_does_not_have_are_refused() -> None:
    asked = wish(brokers=5, availability_zones=4)
    assert refused(lambda: plan(blank(asked, surroundings=ROOMY))) == (
        "availability_zones 4: the lab has 3 zones: zone-1, zone-2, zone-3"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"sasl_ssl": True, "first_user": "alice"},
        {"brokers": 4},
        {"flavor": "kafka.4u8g.cluster"},
        {"storage_per_broker": 200},
        {"availability_zones": 3},
        {"auto_create_topics": True},
        {"name": "other"},
    ],
)
def test_another_wish_has_another_plan_hash(changes: dict[str, Any]) -> None:
    """Else an approval of a secured instance would let an open one pass."""
    assert plan(blank(wish(**changes))).digest != plan(blank(wish())).digest


def test_the_plan_hash_does_not_depend_on_the_id_that_a_new_instance_happens_to_get() -> None:
    assert plan(blank(id="other123")).digest == plan(blank()).digest
