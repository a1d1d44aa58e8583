"""An instance grows and shrinks under load, a dead machine is replaced: nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping

import pytest

from flows.domain.cluster import ClusterState
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine
from tests.acceptance.parts import Demo, logins
from tests.acceptance.plane import Plane, wait_until
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    engine,
    load,
    spread_topic,
    started,
)
from tests.acceptance.ways import Addresses, at, lab_eips

GB = 1 << 30
Reached = Callable[[], set[str]]
ROLL = ("at_risk=accept", "stall_budget=60")
"""The story has a topic with one replica by now."""


@pytest.fixture
def topic(plane: Plane, demo: Demo, request: pytest.FixtureRequest) -> str:
    """Each test has one of its own: the load reads all that is in it."""
    return spread_topic(plane, demo, str(request.node.name))


@pytest.fixture(scope="module")
def public(plane: Plane) -> Addresses:
    """EIPs of four brokers."""
    return lab_eips(plane, 161, 162, 163, 164)


@pytest.fixture(scope="module")
def translated(plane: Plane) -> Addresses:
    """EIPs of a gateway for four brokers."""
    return lab_eips(plane, 171, 172, 173, 174)


@pytest.fixture(scope="module")
def reached(
    plane: Plane, demo: Demo, public: Addresses, translated: Addresses
) -> Iterator[Reached]:
    """Clients outside come to three brokers by EIPs of either kind; what they are told at all four.

    Afterwards nobody comes from outside.
    """
    servers = f"{at(public, 9095)},{at(translated, 9011)}"
    try:
        plane.ask("set-public-access", "instance=demo", f"eips={','.join(public[:3])}")
        plane.ask("set-dnat", "instance=demo", f"eips={','.join(translated[:3])}")
        yield lambda: logins(demo, plane.lab.client("outside").netns, servers)
    finally:
        plane.ask("set-public-access", "instance=demo", "eips=none")
        plane.ask("remove-dnat", "instance=demo")


@pytest.fixture
def new_eips(public: Addresses, translated: Addresses) -> tuple[str, ...]:
    """What the fourth broker is given."""
    return f"eips={public[3]}", f"dnat_eips={translated[3]}"


def test_storage_grows_live(plane: Plane, demo: Demo, topic: str) -> None:
    before = started(plane, demo)
    with load(plane, demo, topic) as told:
        plane.ask("grow-storage", "instance=demo", "storage_per_broker=200")
    assert_nothing_lost(told.answer)
    assert started(plane, demo) == before
    disks = plane.json("disk", "demo")["brokers"]
    assert all(disk["total_bytes"] > 195 * GB for disk in disks)
    refused = plane.refused("grow-storage", "instance=demo", "storage_per_broker=100")
    assert "each broker has 200 GB, and storage never shrinks" in refused


@pytest.mark.slow
def test_the_flavor_goes_up_and_down(plane: Plane, demo: Demo, topic: str) -> None:
    before, memory = started(plane, demo), memory_mb(plane)
    with load(plane, demo, topic) as told:
        plane.ask("change-flavor", "instance=demo", "flavor=kafka.4u8g.cluster", *ROLL)
        large = started(plane, demo)
        assert all(now > 1.8 * memory[name] for name, now in memory_mb(plane).items())
        plane.ask("change-flavor", "instance=demo", "flavor=kafka.2u4g.cluster", *ROLL)
    assert_nothing_lost(told.answer)
    assert memory_mb(plane) == memory
    assert changed(before, large) == changed(large, started(plane, demo)) == {1, 2, 3}
    assert plane.json("show", "demo")["parameters"]["flavor"] == "kafka.2u4g.cluster"


@pytest.mark.slow
def test_a_flavor_that_was_cut_off_goes_back_where_it_was_changed(
    plane: Plane, demo: Demo, topic: str
) -> None:
    before, memory = started(plane, demo), memory_mb(plane)
    with load(plane, demo, topic) as told:
        first = plane.start(
            "run", "change-flavor", "instance=demo", "flavor=kafka.4u8g.cluster", *ROLL
        )
        wait_until(lambda: changed(before, started(plane, demo)), "a broker started anew", 400)
        os.kill(engine(plane, "demo"), signal.SIGKILL)
        first.communicate(timeout=300)
        at_the_kill, larger = started(plane, demo), memory_mb(plane)
        plane.succeeds("run", "roll-back", "instance=demo", *ROLL)
    after = started(plane, demo)
    assert_nothing_lost(told.answer)
    done = changed(before, at_the_kill)
    assert (len(done), larger == memory) == (1, False)
    assert changed(at_the_kill, after) == done, "who was not changed was restarted"
    assert memory_mb(plane) == memory
    shown = plane.json("show", "demo")
    assert (shown["status"], shown["parameters"]["flavor"]) == ("Running", "kafka.2u4g.cluster")


def test_a_broker_is_added_and_carries_its_part(
    plane: Plane, demo: Demo, topic: str, reached: Reached, new_eips: tuple[str, ...]
) -> None:
    before = started(plane, demo)
    wish = ("brokers=4", "rebalance=true", "throttle=50", *new_eips)
    with load(plane, demo, topic) as told:
        plane.ask("add-brokers", "instance=demo", *wish)
    assert_nothing_lost(told.answer)
    assert reached() == {"ok"}
    state = cluster(plane)
    assert sorted(state.registrations) == [1, 2, 3, 4]
    assert len([part for part in state.partitions if 4 in part.replicas]) > 10
    assert any(part.leader == 4 for part in state.partitions if part.topic == topic)
    assert not [key for key in throttles(state) if "throttle" in key]
    assert {number: when for number, when in started(plane, demo).items() if number < 4} == before


def test_a_machine_that_died_for_good_is_replaced(
    plane: Plane, demo: Demo, topic: str, reached: Reached
) -> None:
    dead = machine_of(plane, 3)
    refused = plane.refused("replace-broker", "instance=demo", "broker=3")
    assert f"its machine {dead.name} is alive" in refused
    with load(plane, demo, topic) as told:
        plane.lab.crash(dead.name)
        wait_until(lambda: is_gone(plane, 3), "its session has expired", 180)
        plane.ask("replace-broker", "instance=demo", "broker=3", "throttle=50")
    assert_nothing_lost(told.answer)
    assert reached() == {"ok"}
    new = machine_of(plane, 3)
    assert (new.address, new.zone, new.generation) == (dead.address, dead.zone, 2)
    assert new.host_key != dead.host_key
    assert plane.lab.show(dead.name) is None
    state = cluster(plane)
    assert not [part.name for part in state.partitions if part.under_replicated]
    assert plane.doors.zookeeper.serving(plane.instance("demo")) == (1, 2, 3)


def cluster(plane: Plane) -> ClusterState:
    """The cluster as ZooKeeper holds it."""
    return plane.doors.zookeeper.state(plane.instance("demo"))


def is_gone(plane: Plane, broker: int) -> bool:
    """Whether the broker is not registered any more; while ZooKeeper elects, nobody can tell."""
    try:
        return broker not in cluster(plane).registrations
    except EffectFailed:
        return False


def throttles(state: ClusterState) -> list[str]:
    """Every setting that topics and brokers were given."""
    told = [*state.topic_configs.values(), *state.broker_configs.values()]
    return [key for values in told for key in values]


def machine_of(plane: Plane, broker: int) -> Machine:
    """The machine of a broker."""
    return next(each for each in plane.instance_machines("demo") if each.broker == broker)


def memory_mb(plane: Plane) -> Mapping[str, int]:
    """What the lab really gives to each machine of the instance."""
    seen = {each.name: plane.lab.show(each.name) for each in plane.instance_machines("demo")}
    return {name: found.effective_memory_mb for name, found in seen.items() if found}
