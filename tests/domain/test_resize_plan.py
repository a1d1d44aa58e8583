"""change-flavor: what is refused with its numbers, and which brokers are left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flows.domain.cluster import ClusterState, Partition
from flows.domain.errors import Refused
from flows.domain.instance import HostState, Instance, UnitState
from flows.domain.machines import MachineSize, Room
from flows.domain.resize import ChangeFlavor, plan_resize
from flows.domain.surroundings import Surroundings
from flows.domain.wish import Wish
from tests.domain.samples import instance, wish

SMALL, MEDIUM, LARGE = "kafka.2u4g.cluster", "kafka.4u8g.cluster", "kafka.8u16g.cluster"
NEEDS = {SMALL: Room(1_024, 2), MEDIUM: Room(2_048, 2), LARGE: Room(4_096, 2)}
LAB = Surroundings("the lab", ("zone-1",), Room(4_000, 12), NEEDS[SMALL], needs=NEEDS)


def asked(flavor: str, **more: Any) -> ChangeFlavor:
    return ChangeFlavor.read({"instance": "demo", "flavor": flavor, **more})


def running(asked_wish: Wish, partitions: int = 0, used_mb: int = 600, **more: Any) -> Instance:
    """An instance whose brokers serve, with partitions of the topic `orders`."""
    whole = instance(asked_wish, surroundings=LAB, **more)
    host = HostState(
        kafka=UnitState.ACTIVE,
        zookeeper=UnitState.ACTIVE,
        started_generation=asked_wish.start_generation,
        memory_used_mb=used_mb,
    )
    brokers = tuple(replace(each, host=host, registered=True) for each in whole.brokers)
    parts = [Partition("orders", n, 1, (1, 2, 3), (1, 2, 3)) for n in range(partitions)]
    parts.append(Partition("__consumer_offsets", 0, 1, (1, 2, 3), (1, 2, 3)))
    registered = {broker.id: 100 + broker.id for broker in brokers}
    state = ClusterState(registrations=registered, controller=1, partitions=tuple(parts))
    return replace(whole, brokers=brokers, cluster=state)


def refusal_of(whole: Instance, flavor: str) -> str:
    with pytest.raises(Refused) as refused:
        plan_resize(whole, asked(flavor))
    return str(refused.value)


def test_800_partitions_cannot_go_to_a_flavor_that_allows_750() -> None:
    whole = running(wish(flavor=MEDIUM), partitions=800)
    assert refusal_of(whole, SMALL) == (
        'flavor "kafka.2u4g.cluster": demo has 800 partitions; 3 brokers of that flavor have at '
        "most 750; delete topics, or choose a larger flavor"
    )
    assert plan_resize(running(wish(flavor=MEDIUM), partitions=750), asked(SMALL)).due == (1, 2, 3)


def test_a_flavor_has_its_range_of_brokers_and_storage() -> None:
    many = running(wish(flavor=LARGE, brokers=40))
    assert refusal_of(many, SMALL) == "brokers 40: kafka.2u4g.cluster has 3 to 30 brokers"
    large = running(wish(flavor=LARGE, storage_per_broker=200_000))
    assert "the total is 600000 GB; kafka.2u4g.cluster has 300 to 300000" in refusal_of(
        large, SMALL
    )


def test_a_smaller_machine_must_hold_heap_and_what_was_measured() -> None:
    assert plan_resize(running(wish(flavor=MEDIUM), used_mb=920), asked(SMALL)).due == (1, 2, 3)
    assert refusal_of(running(wish(flavor=MEDIUM), used_mb=930), SMALL) == (
        'flavor "kafka.2u4g.cluster": broker 1 needs 930 MB, 256 of them heap; 90% of that '
        "machine's memory, 922 MB, is accepted"
    )


def test_a_provider_without_memory_says_how_much_it_has() -> None:
    assert plan_resize(running(wish()), asked(MEDIUM)).due == (1, 2, 3)
    assert refusal_of(running(wish()), LARGE) == (
        "flavor: 3 brokers need 9216 MB of memory more together and the lab has 4000 MB free; "
        "choose a smaller flavor"
    )


def test_own_hosts_are_never_resized() -> None:
    whole = running(wish())
    own = replace(
        whole,
        surroundings=replace(LAB, provider="own hosts", keeps_machines=True),
        brokers=tuple(replace(each, size=MachineSize(2, 4, 100)) for each in whole.brokers),
    )
    assert refusal_of(own, MEDIUM) == (
        'flavor "kafka.4u8g.cluster": k7m2p9qa-1-1 has 2 vCPUs and 4 GB; own hosts are never '
        "resized, so each must have the size already"
    )
    brokers = tuple(replace(each, size=MachineSize(4, 8, 100)) for each in own.brokers)
    assert plan_resize(replace(own, brokers=brokers), asked(MEDIUM)).due == (1, 2, 3)


def test_a_machine_that_does_not_answer_is_named() -> None:
    whole = running(wish())
    brokers = (replace(whole.brokers[0], host=None), *whole.brokers[1:])
    assert "broker 1 does not answer over SSH" in refusal_of(
        replace(whole, brokers=brokers), MEDIUM
    )


def test_an_unknown_flavor_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match=r'flavor "kafka\.1u1g": accepted are kafka\.2u4g\.cluster'):
        asked("kafka.1u1g")


def test_the_flavor_it_has_is_nothing_to_do() -> None:
    assert plan_resize(running(wish()), asked(SMALL)).empty


def test_a_topic_with_one_replica_is_named_and_the_caller_decides() -> None:
    whole = running(wish())
    assert whole.cluster is not None
    parts = (*whole.cluster.partitions, Partition("logs", 0, 2, (2,), (2,)))
    whole = replace(whole, cluster=replace(whole.cluster, partitions=parts))
    assert "logs-0 cannot be read" in refusal_of(whole, MEDIUM)
    plan = plan_resize(whole, asked(MEDIUM, at_risk="accept"))
    assert any("logs-0 (1 replica)" in warning for warning in plan.warnings)


def test_what_was_cut_off_goes_on_with_the_brokers_that_are_left() -> None:
    whole = running(wish())
    plan = plan_resize(whole, asked(MEDIUM))
    assert (plan.wish.flavor, plan.wish.start_generation) == (MEDIUM, 2)
    half = replace(whole, wish=plan.wish, settled_wish=wish())
    host = half.brokers[0].host
    assert host is not None
    first = replace(half.brokers[0], host=replace(host, started_generation=2))
    half = replace(half, brokers=(first, *half.brokers[1:]))
    assert plan_resize(half, asked(MEDIUM)).due == (2, 3)
