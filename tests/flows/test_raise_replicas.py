"""Replicas that are raised for a roll: added before it, taken away after it, whatever happens."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.adapters.stage import PlainStage
from flows.domain.cluster import NewTopic
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status, UnitState
from flows.domain.operations import Caller, Door
from flows.domain.raising import RAISED_PATH
from flows.instances.change_flavor import change_flavor
from flows.instances.modify_instance import modify_instance
from flows.instances.restart_instance import restart_instance
from flows.instances.roll_back import roll_back
from flows.procedures.conduct import conduct
from flows.procedures.operation import Operation
from tests.flows.test_sweep import machine_of
from tests.flows.worlds import created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.kafka import FakeCluster
from tests.world.world import World

RAISE: Mapping[str, Any] = {"instance": "demo", "at_risk": "raise-replicas", "throttle": 7}
TOPICS = {
    "single": NewTopic("single", {0: (2,), 1: (3,)}),
    "tight": NewTopic("tight", {0: (1, 2)}, {"min.insync.replicas": "2"}),
    "safe": NewTopic("safe", {0: (3, 1, 2)}, {"min.insync.replicas": "2"}),
}
ROLLS: Mapping[str, tuple[Operation[Any, Any], Mapping[str, Any]]] = {
    "restart": (restart_instance, RAISE),
    "flavor": (change_flavor, {**RAISE, "flavor": "kafka.4u8g.cluster"}),
    "modify": (modify_instance, {**RAISE, "auto_create_topics": "on"}),
}


@scene
def risky() -> World:
    """An instance with topics that cannot spare a broker."""
    world = created()
    cluster_of(world).topics.update(TOPICS)
    return world


def cluster_of(world: World) -> FakeCluster:
    return world.kafka.clusters[the_row(world).id]


def starts(world: World) -> list[int]:
    hosts = sorted(world.provider.hosts.values(), key=lambda host: host.machine.broker)
    return [host.kafka_starts for host in hosts]


def assert_put_back(world: World) -> None:
    """Replicas and settings of the topics are what they were, and nothing is remembered."""
    cluster = cluster_of(world)
    assert cluster.moves == {}
    assert {name: cluster.topics[name] for name in TOPICS} == TOPICS
    assert not [key for each in cluster.altered.values() for key in each if "throttled" in key]
    assert RAISED_PATH not in world.zookeeper.nodes[the_row(world).id]


def assert_rolled(world: World) -> None:
    """Each broker was started once for it, all is well, and nothing is left of it."""
    assert starts(world) == [2, 2, 2]
    assert the_row(world).status is Status.RUNNING
    assert all(host.kafka is UnitState.ACTIVE for host in world.provider.hosts.values())
    assert not cluster_of(world).leaders
    assert_put_back(world)


class Watching(PlainStage):
    """Notes how many replicas each partition has whenever a broker is about to stop."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.seen: list[dict[str, list[int]]] = []

    def step(self, title: str, work: Any) -> Any:
        """Looks, then does the work."""
        if title.endswith(": stop Kafka"):
            topics = cluster_of(self._world).topics
            self.seen.append(
                {name: [len(each) for each in topics[name].assignment.values()] for name in TOPICS}
            )
        return super().step(title, work)


@pytest.mark.parametrize("way", list(ROLLS))
def test_replicas_are_raised_while_brokers_go_away(way: str) -> None:
    world = risky()
    stage = Watching(world)
    operation, wish = ROLLS[way]
    world.ask(operation, wish, stage=stage)
    assert stage.seen == [{"single": [2, 2], "tight": [3], "safe": [3]}] * 3
    assert "hold replication back to 7000000 bytes/s" in stage.titles
    assert_rolled(world)


def test_nothing_at_risk_is_an_ordinary_roll() -> None:
    world, ordinary = created(), created()
    world.ask(restart_instance, RAISE)
    ordinary.ask(restart_instance, {"instance": "demo"})
    assert world.effects.log == ordinary.effects.log


def test_the_plan_says_what_is_raised() -> None:
    world = risky()
    world.ask(restart_instance, {**RAISE, "plan_only": True})
    page = world.stage.pages["plan"]
    words = "more replicas for single-0, single-1, tight-0; put back after the last broker"
    assert f"| partitions | {words} |" in page
    assert "can be neither" not in page


def test_more_replicas_than_brokers_are_refused_by_name() -> None:
    world = risky()
    strict = NewTopic("strict", {0: (1, 2, 3)}, {"min.insync.replicas": "3"})
    cluster_of(world).topics["strict"] = strict
    assert refused(world, restart_instance, RAISE) == (
        'at_risk "raise-replicas": strict-0 (min.insync.replicas 3) would need more replicas than '
        "there are brokers (3); lower min.insync.replicas of their topics, or choose one of "
        "refuse, accept"
    )
    assert starts(world) == [1, 1, 1]


@pytest.mark.parametrize("at_risk", ["accept", "raise-replicas"])
def test_a_scheduled_run_refuses(at_risk: str) -> None:
    world = risky()
    caller = Caller("nightly", Door.SCHEDULE, world.processes.here("run", "link"))
    wish = {**RAISE, "at_risk": at_risk}
    with pytest.raises(Exception, match='at_risk "refuse": single-0, single-1, tight-0 cannot'):
        conduct(restart_instance, world.doors(), wish, caller, PlainStage())
    assert starts(world) == [1, 1, 1]


def test_a_broker_that_is_down_is_started_before_anything_is_raised() -> None:
    world = risky()
    machine_of(world, 2).kafka = UnitState.FAILED
    world.ask(restart_instance, RAISE)
    assert_rolled(world)


def effects_of(way: str) -> int:
    world = risky()
    world.ask(*ROLLS[way])
    return len(world.effects.log)


EFFECTS = {way: range(effects_of(way)) for way in ("restart", "flavor")}
CASES = [
    *(("restart", at, trouble) for at in EFFECTS["restart"] for trouble in Trouble),
    *(("flavor", at, Trouble.KILLED_AFTER) for at in EFFECTS["flavor"]),
]


@pytest.mark.parametrize(("way", "at", "trouble"), CASES)
def test_a_roll_that_was_interrupted_is_finished_and_all_is_put_back(
    way: str, at: int, trouble: Trouble
) -> None:
    world = interrupted(way, at, trouble)
    if the_row(world).status is not Status.RUNNING or starts(world) != [2, 2, 2]:
        world.ask(*ROLLS[way], who="grace")
    assert_rolled(world)


@pytest.mark.parametrize("at", EFFECTS["restart"])
def test_a_roll_back_puts_back_what_was_raised(at: int) -> None:
    world = interrupted("restart", at, Trouble.KILLED_AFTER)
    if the_row(world).status is not Status.RUNNING:
        world.ask(roll_back, RAISE, who="grace")
    assert the_row(world).status is Status.RUNNING
    assert_put_back(world)


def interrupted(way: str, at: int, trouble: Trouble) -> World:
    """A world whose roll met a trouble, which is over."""
    world = risky()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(*ROLLS[way])
    world.effects.heal()
    return world


def test_the_sweep_puts_back_what_is_left_at_rest() -> None:
    world = interrupted_after_the_raise()
    world.sweep()
    assert RAISED_PATH in world.zookeeper.nodes["t0000001"], "the change still needs it"
    world.records.set_status("t0000001", Status.RUNNING)
    told = [world.sweep() for _ in range(4)]
    assert told[0] == "1 instances looked at; demo: raised replicas put back"
    assert told[-1] == "1 instances looked at"
    assert_put_back(world)


@scene
def interrupted_after_the_raise() -> World:
    """A world whose roll was killed before its first broker stopped."""
    whole = risky()
    whole.ask(restart_instance, RAISE)
    at = whole.effects.log.index("FakeKafka.shut_down")
    return interrupted("restart", at, Trouble.KILLED_BEFORE)


def test_a_full_restart_that_goes_on_instead_puts_back_too() -> None:
    world = interrupted_after_the_raise()
    world.ask(restart_instance, {"instance": "demo", "mode": "full", "confirm": "demo"})
    assert_rolled(world)
