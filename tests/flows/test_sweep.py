"""The health sweep: statuses and their reasons, what it tidies up, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from flows.adapters.records.observed import Observed
from flows.domain.cluster import NewTopic, Permission
from flows.domain.errors import EffectFailed
from flows.domain.instance import HostState, Instance, Machine, Status, UnitState
from flows.domain.machines import Room
from flows.domain.operations import Door, Rating
from flows.domain.permissions import OPEN_TOPIC
from flows.domain.product_topics import OFFSETS_PARTITIONS, TRANSACTION_PARTITIONS
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.procedures.remembering import start_row
from tests.flows.worlds import DEMO, GOODBYE, created, living_caller, replace_provider, the_row
from tests.world.kafka import FakeKafka
from tests.world.machines import FakeHost, FakeHosts, FakeProvider
from tests.world.world import World

DOWN = "broker 2: its machine t0000001-2-1 does not answer over SSH"


def machine_of(world: World, broker: int) -> FakeHost:
    """The machine of a broker."""
    return next(host for host in world.provider.hosts.values() if host.machine.broker == broker)


def crash(world: World, broker: int = 2) -> None:
    """A broker's machine is down."""
    machine_of(world, broker).running = False


def make_topic(world: World, name: str) -> None:
    """A client makes a topic by itself: the product is not asked."""
    topic = NewTopic(name, {0: (2, 3, 1), 1: (3, 1, 2)})
    world.kafka.clusters[the_row(world).id].topics[name] = topic


def test_a_well_instance_is_looked_at_and_nothing_else_happens() -> None:
    world = created()
    traces = len(world.records.audit)
    assert world.sweep() == "1 instances looked at"
    assert world.effects.log == ["FakeRecords.set_observed"]
    assert len(world.records.audit) == traces


def test_what_was_seen_is_kept_for_those_who_ask() -> None:
    world = created(DEMO)
    make_topic(world, "orders")
    world.clock.pause(90)
    world.sweep()
    seen = Observed.read(the_row(world).observed)
    assert seen.at == datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)
    assert (seen.faults, seen.controller, seen.topics) == ((), 1, 1)
    assert seen.partitions == 3 + OFFSETS_PARTITIONS + TRANSACTION_PARTITIONS + 2
    assert sorted(seen.disks) == [1, 2, 3]
    assert seen.certificates["broker 2 PRIVATE"] > seen.at


def test_a_machine_that_is_down_makes_the_instance_faulty_and_says_why() -> None:
    world = created()
    crash(world)
    assert world.sweep() == "1 instances looked at; demo: Faulty"
    row = the_row(world)
    assert (row.status, row.reason) == (Status.FAULTY, DOWN)
    assert Observed.read(row.observed).faults == (DOWN,)
    trace = world.records.audit[-1]
    assert (trace.name, trace.who, trace.door) == (
        "instanceStatusChanged",
        "check-health",
        Door.SCHEDULE,
    )
    assert trace.result == f"Running -> Faulty: {DOWN}"
    assert trace.rating is Rating.INCIDENT


def test_a_return_makes_it_running_again() -> None:
    world = created()
    crash(world)
    world.sweep()
    moved = len(world.kafka.clusters["t0000001"].leaders)
    machine_of(world, 2).running = True
    said = f"1 instances looked at; demo: Running; demo: {moved} leaders moved back"
    assert world.sweep() == said
    row = the_row(world)
    assert (row.status, row.reason) == (Status.RUNNING, "")
    trace = world.records.audit[-1]
    assert (trace.result, trace.rating) == ("Faulty -> Running", Rating.NORMAL)


def test_only_a_change_of_the_status_leaves_a_trace() -> None:
    world = created()
    crash(world)
    world.sweep()
    traces = len(world.records.audit)
    world.sweep()
    crash(world, 3)
    world.sweep()
    assert len(world.records.audit) == traces
    assert the_row(world).reason.count("does not answer over SSH") == 2
    assert world.records.history(None)[0].operation == "create-instance", "a sweep is no operation"


@pytest.mark.parametrize("status", [Status.CHANGING, Status.RESTARTING])
def test_a_change_that_nobody_carries_out_any_more_is_a_failed_one(status: Status) -> None:
    world = created()
    world.records.set_status("t0000001", status)
    assert world.sweep() == "1 instances looked at; demo: Change failed"
    row = the_row(world)
    assert row.status is Status.CHANGE_FAILED
    assert row.reason == "the operation that was changing it ended without a report"
    assert world.sweep() == "0 instances looked at"


@pytest.mark.parametrize("status", [Status.CREATING, Status.DELETING, Status.CHANGE_FAILED])
def test_what_waits_for_an_operation_is_left_alone(status: Status) -> None:
    world = created()
    world.records.set_status("t0000001", status)
    world.effects.log.clear()
    crash(world)
    assert world.sweep() == "0 instances looked at"
    assert world.effects.log == []


def test_an_instance_with_a_living_operation_is_left_alone() -> None:
    world = created()
    row = start_row("change-flavor", the_row(world), {}, living_caller(world), world.clock.now())
    world.records.open(row)
    crash(world)
    world.effects.log.clear()
    assert world.sweep() == "0 instances looked at"
    assert world.effects.log == []


class Meanwhile(FakeHosts):
    """Hosts of which the first look takes so long that something else happens."""

    happens: Callable[[], object] | None = None

    def observe(self, machine: Machine) -> HostState | None:
        """What happens, then what the machine holds."""
        happens, self.happens = self.happens, None
        if happens:
            happens()
        return super().observe(machine)


@pytest.mark.parametrize("ends", [False, True])
def test_an_operation_that_began_during_the_look_keeps_its_status(ends: bool) -> None:
    """Else a sweep could bring a deleted instance back to life."""
    world = created()
    make_topic(world, "orders")
    crash(world)
    hosts = Meanwhile(world.effects, world.provider)
    if ends:
        hosts.happens = lambda: world.ask(delete_instance, GOODBYE)
    else:
        caller = living_caller(world)
        now = world.clock.now()
        row = start_row("delete-instance", the_row(world), {}, caller, now)
        hosts.happens = lambda: world.records.open(row)
    world.hosts = hosts
    assert world.sweep() == "1 instances looked at"
    kept = world.records.rows["t0000001"]
    assert kept.status is (Status.DELETED if ends else Status.RUNNING)
    assert not [each for each in world.records.audit if each.name == "instanceStatusChanged"]
    assert "FakeRecords.set_observed" not in world.effects.log
    assert "FakeKafka.grant" not in world.effects.log


def test_topics_that_clients_made_get_their_permissions_once() -> None:
    world = created()
    make_topic(world, "orders")
    make_topic(world, "audit")
    assert world.sweep() == "1 instances looked at; demo: permissions for audit, orders"
    granted = world.kafka.clusters["t0000001"].granted
    assert {topic: tuple(given) for topic, given in granted.items()} == {
        "audit": OPEN_TOPIC,
        "orders": OPEN_TOPIC,
    }
    assert world.sweep() == "1 instances looked at"


def test_leaders_go_back_once_their_broker_is_in_every_in_sync_set() -> None:
    world = created()
    make_topic(world, "orders")
    cluster = world.kafka.clusters["t0000001"]
    crash(world)
    world.sweep()
    world.sweep()
    moved = len(cluster.leaders)
    assert moved > 1, "their preferred leader, broker 2, is not back yet"
    machine_of(world, 2).running = True
    said = world.sweep()
    assert said == f"1 instances looked at; demo: Running; demo: {moved} leaders moved back"
    assert cluster.leaders == {}


def test_a_cluster_that_does_not_answer_is_faulty_and_not_tidied() -> None:
    world = created()
    for broker in (1, 2, 3):
        machine_of(world, broker).kafka = UnitState.FAILED
    world.effects.log.clear()
    world.sweep()
    assert the_row(world).reason == "; ".join(
        f"broker {broker}: Kafka is failed on t0000001-{broker}-1" for broker in (1, 2, 3)
    )
    assert Observed.read(the_row(world).observed).controller is None
    assert "FakeKafka.grant" not in world.effects.log


class Stubborn(FakeKafka):
    """Kafka whose instance `demo` takes no permissions."""

    def grant(self, instance: Instance, topic: str, permissions: Sequence[Permission]) -> None:
        """Not for demo."""
        if instance.name == "demo":
            raise EffectFailed("Kafka of demo: granting failed")
        super().grant(instance, topic, permissions)


def test_one_instance_that_cannot_be_tidied_keeps_no_other_from_it() -> None:
    world = World()
    world.kafka = Stubborn(world.effects, world.zookeeper)
    for name in ("demo", "other"):
        world.ask(create_instance, {"name": name})
    for cluster in world.kafka.clusters.values():
        cluster.topics["orders"] = NewTopic("orders", {0: (1, 2, 3)})
    assert world.sweep() == (
        "2 instances looked at; demo: Kafka of demo: granting failed; other: permissions for orders"
    )
    assert all(row.status is Status.RUNNING for row in world.records.living())


class SilentProvider(FakeProvider):
    """A provider that is down."""

    def room(self) -> Room:
        """Nobody answers."""
        raise EffectFailed("lab: it is not up")


def test_a_provider_that_is_down_is_a_fault_of_its_instances() -> None:
    world = created()
    replace_provider(world, SilentProvider)
    assert world.sweep() == "1 instances looked at; demo: Faulty"
    row = the_row(world)
    assert (row.status, row.reason) == (Status.FAULTY, "lab: it is not up")


def test_a_deletion_while_the_provider_is_asked_is_not_undone() -> None:
    world = created()

    class Slow(SilentProvider):
        asked = False

        def room(self) -> Room:
            if self.asked:
                return self.free
            self.asked = True
            world.ask(delete_instance, GOODBYE)
            return super().room()

    replace_provider(world, Slow)
    assert world.sweep() == "1 instances looked at"
    assert world.records.rows["t0000001"].status is Status.DELETED


def test_a_broker_without_a_machine_is_a_fault() -> None:
    world = created()
    world.records.forget_machines("t0000001")
    world.sweep()
    assert the_row(world).reason == "; ".join(
        f"broker {broker} has no machine" for broker in (1, 2, 3)
    )


def test_the_reason_names_the_first_fault_of_each_broker() -> None:
    world = created()
    machine_of(world, 1).zookeeper = UnitState.FAILED
    machine_of(world, 1).kafka = UnitState.FAILED
    world.sweep()
    assert the_row(world).reason == "broker 1: ZooKeeper is failed on t0000001-1-1"
