"""grow-storage: what is refused before a disk is touched, and what is left to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.errors import Refused
from flows.domain.instance import Instance
from flows.domain.machines import MachineSize, Room
from flows.domain.storage import GrowStorage, plan_storage
from flows.domain.surroundings import Surroundings
from tests.domain.samples import OFTEN, instance, wish

LAB = Surroundings("the lab", ("zone-1",), Room(8_000, 12), Room(1_024, 2))
OWN = replace(LAB, provider="own hosts", keeps_machines=True)


def asked(size: int) -> GrowStorage:
    return GrowStorage(instance="demo", storage_per_broker=size)


def refusal_of(whole: Instance, size: int) -> str:
    with pytest.raises(Refused) as refused:
        plan_storage(whole, asked(size))
    return str(refused.value)


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (
            150,
            "storage_per_broker 150: at least 100 GB in steps of 100 are accepted",
        ),
        (
            100_100,
            "storage_per_broker 100100: with 3 brokers the total is 300300 GB; "
            "kafka.2u4g.cluster has 300 to 300000 GB in total",
        ),
    ],
)
def test_sizes_that_the_flavor_does_not_have(size: int, sentence: str) -> None:
    assert refusal_of(instance(), size) == sentence


def test_storage_never_shrinks() -> None:
    whole = instance(wish(storage_per_broker=300))
    assert refusal_of(whole, 200) == (
        "storage_per_broker 200: each broker has 300 GB, and storage never shrinks; more is "
        "accepted"
    )


def test_the_twenty_first_growth_is_refused() -> None:
    assert plan_storage(instance(storage_growths=19), asked(200)).due == (1, 2, 3)
    assert refusal_of(instance(storage_growths=20), 200) == (
        "storage_per_broker 200: the storage of demo grew 20 times; 20 are accepted"
    )


def test_a_provider_without_room_says_how_much_it_has() -> None:
    # A disk of 100 GB takes 2 GB there, so one of 200 GB takes 2 more.
    plan_storage(instance(surroundings=LAB), asked(300))
    assert refusal_of(instance(surroundings=LAB), 400) == (
        "storage_per_broker: 3 brokers need 18 GB of disk together and the lab has 12 GB free; "
        "choose less storage or fewer brokers"
    )


def test_disks_of_own_hosts_are_grown_by_their_owner() -> None:
    whole = instance(surroundings=OWN)
    sized = replace(
        whole,
        brokers=tuple(replace(each, size=MachineSize(2, 4, 100)) for each in whole.brokers),
    )
    assert refusal_of(sized, 200) == (
        "storage_per_broker 200: the disk of k7m2p9qa-1-1 has 100 GB; disks of own hosts are "
        "grown by their owner, and then said so in the list of hosts"
    )
    larger = replace(
        whole,
        brokers=tuple(replace(each, size=MachineSize(2, 4, 200)) for each in whole.brokers),
    )
    assert plan_storage(larger, asked(200)).due == (1, 2, 3)


def test_the_size_it_has_is_nothing_to_do() -> None:
    assert plan_storage(instance(storage_growths=20), asked(100)).empty


def test_what_was_cut_off_is_gone_through_once_more_whatever_the_limits_say() -> None:
    grown = wish(storage_per_broker=200)
    whole = instance(grown, settled_wish=wish(), storage_growths=20, surroundings=LAB)
    plan = plan_storage(whole, asked(200))
    assert plan.due == (1, 2, 3)
    assert plan.digest == plan_storage(instance(), asked(200)).digest


@OFTEN
@given(st.integers(1, 999).map(lambda steps: steps * 100))
def test_a_plan_changes_nothing_but_the_storage(size: int) -> None:
    plan = plan_storage(instance(), asked(size + 100))
    assert plan.wish == wish(storage_per_broker=size + 100)
    assert [step.subject for step in plan.steps] == ["broker 1", "broker 2", "broker 3"]
