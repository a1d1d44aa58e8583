"""Moving partitions: what arrives, what is held back meanwhile, and that nothing is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from flows.adapters.stage import PlainStage
from flows.domain.cluster import Cluster, ClusterState, NewTopic
from flows.domain.errors import EffectFailed, GateTimeout, ServiceError
from flows.domain.health import elections_due
from flows.domain.instance import Instance, Status
from flows.domain.operations import OperationStatus
from flows.domain.plan import Plan, PlannedStep
from flows.domain.reassignment import (
    Goal,
    Pace,
    PartitionName,
    PortionLimit,
    Proposal,
    assignment_of,
    left_behind,
    propose,
)
from flows.domain.request import InstanceRequest
from flows.instances.create_instance import create_instance
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.reassign import reassign, refill
from flows.procedures.remembering import TraceNames
from flows.steps.observation import remembered_by_id
from flows.steps.site import Site
from tests.flows.test_sweep import machine_of
from tests.flows.worlds import scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.kafka import FakeCluster, FakeKafka
from tests.world.world import World

DEMO = {"name": "demo"}
ASK = {"instance": "demo"}
PACE = Pace(bytes_per_second=5_000_000, limit=PortionLimit(partitions=1))
LIFE = change_life(TraceNames("asked", "refused", "done", "failed"))


def spread(state: ClusterState) -> Proposal:
    """Users' topics lie evenly on all brokers."""
    mine = assignment_of(state.partitions, ["orders"])
    return propose(mine, Goal(tuple(sorted(state.registrations))))


def plan_spread(instance: Instance, request: InstanceRequest) -> Plan:
    """A step for each partition that moves, and one for what may be left behind."""
    assert instance.cluster is not None
    moves = spread(instance.cluster).moves
    steps = [
        PlannedStep(f"{each.topic}-{each.number}", f"{each.after}", str(each.after))
        for each in moves
    ]
    closing = PlannedStep("instance", "see that all has arrived, and let replication go", "moved")
    left = steps or left_behind(instance.cluster) or elections_due(as_cluster(instance.cluster))
    return Plan("Spread", (*steps, closing) if left else ())


def as_cluster(state: ClusterState) -> Cluster:
    """The same as metadata shows it."""
    return Cluster(tuple(state.registrations), state.controller, state.partitions)


@operation(InstanceRequest, plan=plan_spread, run_name="spread {instance}", life=LIFE)
def spread_topics(site: Site, plan: Plan) -> None:
    """Spread users' topics."""
    reassign(site, remembered_by_id(site), spread, PACE)


@operation(InstanceRequest, plan=plan_spread, run_name="refill {instance}", life=LIFE)
def refill_broker(site: Site, plan: Plan) -> None:
    """Broker 3 comes back with an empty disk."""
    instance = remembered_by_id(site)
    refill(site, instance, 3, PACE, lambda: site.stage.say("it is started"))


@scene
def lopsided(version: str = "2.7") -> World:
    """A running instance whose only topic lies on two of its three brokers."""
    world = World()
    world.ask(create_instance, {**DEMO, "version": version})
    lists = {0: (1, 2), 1: (2, 1), 2: (1, 2), 3: (2, 1)}
    cluster_of(world).topics["orders"] = NewTopic("orders", lists, {"retention.ms": "70000"})
    world.effects.log.clear()
    return world


def cluster_of(world: World) -> FakeCluster:
    return world.kafka.clusters["t0000001"]


def assert_nothing_left(world: World) -> None:
    """No move, no throttle, and what the topic was configured with before."""
    cluster = cluster_of(world)
    assert cluster.moves == {}
    assert cluster.topics["orders"].config == {"retention.ms": "70000"}
    assert not [key for each in cluster.altered.values() for key in each if "throttled" in key]


def assert_spread(world: World) -> None:
    """Even, preferred leaders in place, nothing left, the instance at rest."""
    cluster = cluster_of(world)
    lists = cluster.topics["orders"].assignment.values()
    assert all(len(set(replicas)) == 2 for replicas in lists)
    assert sorted(Counter(each for replicas in lists for each in replicas).values()) == [2, 3, 3]
    assert sorted(Counter(replicas[0] for replicas in lists).values()) == [1, 1, 2]
    assert not [name for name, _ in cluster.leaders if name == "orders"]
    assert_nothing_left(world)
    assert the_row(world).status is Status.RUNNING


def test_partitions_move_in_portions_under_a_throttle_that_is_removed() -> None:
    world = lopsided()
    told: list[dict[str, dict[str, str]]] = []

    class Watching(PlainStage):
        def step(self, title: str, work: Any) -> Any:
            if title.startswith("move "):
                cluster = cluster_of(world)
                told.append(
                    {
                        "orders": dict(cluster.topics["orders"].config),
                        **{str(key): dict(each) for key, each in cluster.altered.items()},
                    }
                )
            return super().step(title, work)

    world.ask(spread_topics, ASK, stage=Watching())
    assert_spread(world)
    rates = {
        "leader.replication.throttled.rate": "5000000",
        "follower.replication.throttled.rate": "5000000",
    }
    assert told == [
        {"orders": held("0:1,0:2", "0:3"), "1": rates, "2": rates, "3": rates},
        {"orders": held("1:2,1:1", "1:3"), "1": rates, "2": rates, "3": rates},
    ]


def held(sending: str, fetching: str) -> dict[str, str]:
    """The configuration of a topic with throttled replicas."""
    return {
        "retention.ms": "70000",
        "leader.replication.throttled.replicas": sending,
        "follower.replication.throttled.replicas": fetching,
    }


def test_a_second_run_has_nothing_to_do() -> None:
    world = lopsided()
    world.ask(spread_topics, ASK)
    assert "nothing to do" in world.ask(spread_topics, ASK).sentence


def effects_of(version: str) -> int:
    world = lopsided(version)
    world.ask(spread_topics, ASK)
    return len(world.effects.log)


EFFECTS = {version: effects_of(version) for version in ("2.7", "1.1.0")}
POINTS = [(version, at) for version, count in EFFECTS.items() for at in range(count)]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize(("version", "at"), POINTS)
def test_what_was_interrupted_anywhere_is_finished_by_the_next_run(
    version: str, at: int, trouble: Trouble
) -> None:
    world = lopsided(version)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((ServiceError, Killed)):
        world.ask(spread_topics, ASK)
    world.effects.heal()
    world.ask(spread_topics, ASK, who="grace")
    assert_spread(world)
    assert "nothing to do" in world.ask(spread_topics, ASK).sentence


@pytest.mark.parametrize("trouble", [Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER])
@pytest.mark.parametrize(("version", "at"), POINTS)
def test_the_sweep_removes_what_a_killed_run_left(version: str, at: int, trouble: Trouble) -> None:
    world = lopsided(version)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises(Killed):
        world.ask(spread_topics, ASK)
    world.effects.heal()
    for _ in range(3):
        world.sweep()
    assert_nothing_left(world)


def test_moves_to_a_broker_that_died_are_cancelled_and_named() -> None:
    world = lopsided()

    class Dying(PlainStage):
        def step(self, title: str, work: Any) -> Any:
            if title.startswith("move "):
                machine_of(world, 3).running = False
            return super().step(title, work)

    with pytest.raises(GateTimeout) as failed:
        world.ask(spread_topics, ASK, stage=Dying())
    assert str(failed.value) == (
        "waited 300 s until orders-0 moved, in vain: still moving: orders-0; "
        "not registered: broker 3"
    )
    assert_nothing_left(world)
    row = the_row(world)
    assert row.status is Status.CHANGE_FAILED
    machine_of(world, 3).running = True
    world.ask(spread_topics, ASK)
    assert_spread(world)


def test_before_2_4_what_is_stuck_keeps_its_throttle_until_it_has_arrived() -> None:
    world = lopsided("2.3.0")

    class Dying(PlainStage):
        def step(self, title: str, work: Any) -> Any:
            if title.startswith("move "):
                machine_of(world, 3).running = False
            return super().step(title, work)

    with pytest.raises(GateTimeout, match="not registered: broker 3"):
        world.ask(spread_topics, ASK, stage=Dying())
    cluster = cluster_of(world)
    assert set(cluster.moves) == {("orders", 0)}
    assert cluster.topics["orders"].config.keys() > {"retention.ms"}
    machine_of(world, 3).running = True
    world.ask(spread_topics, ASK)
    assert_spread(world)


class Refusing(FakeKafka):
    """Brokers that move nothing."""

    def reassign(
        self, instance: Instance, lists: Mapping[PartitionName, tuple[int, ...] | None]
    ) -> None:
        """Not now."""
        raise EffectFailed("Kafka said no")


def test_a_failure_is_told_and_not_the_tidying_up_that_failed_after_it() -> None:
    world = lopsided()
    world.kafka = Refusing(world.effects, world.zookeeper)
    with pytest.raises(EffectFailed, match="Kafka said no"):
        world.ask(spread_topics, ASK)
    assert_nothing_left(world)
    (failed, *_) = world.records.history("demo")
    assert (failed.status, failed.reason) == (OperationStatus.FAILED, "Kafka said no")


def test_a_broker_with_an_empty_disk_is_refilled_under_a_throttle_that_is_removed() -> None:
    world = lopsided()
    world.ask(refill_broker, ASK)
    assert "FakeKafka.configure" in world.effects.log
    assert_nothing_left(world)
