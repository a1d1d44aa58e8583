"""restart-instance on the fake world: which brokers, in which order, interrupted anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flows.domain.cluster import NewTopic
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status, UnitState
from flows.domain.listeners import ListenerName
from flows.instances.restart_instance import restart_instance
from tests.flows.worlds import Interlude, created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.machines import FakeHost
from tests.world.world import World

AGAIN: Mapping[str, Any] = {"instance": "demo"}
ONE: Mapping[str, Any] = {**AGAIN, "broker": 2}
FULL: Mapping[str, Any] = {**AGAIN, "mode": "full", "confirm": "demo"}
WAYS = {"rolling": AGAIN, "one": ONE, "full": FULL}


def hosts(world: World) -> list[FakeHost]:
    return sorted(world.provider.hosts.values(), key=lambda host: host.machine.broker)


def starts(world: World) -> list[int]:
    return [host.kafka_starts for host in hosts(world)]


def effects_of(wish: Mapping[str, Any]) -> int:
    world = created()
    world.ask(restart_instance, wish)
    return len(world.effects.log)


def assert_settled(world: World) -> None:
    """All run, nobody is kept out, and leaders are where they belong."""
    assert the_row(world).status is Status.RUNNING
    assert all(host.kafka is UnitState.ACTIVE and not host.held for host in hosts(world))
    cluster = world.kafka.clusters[the_row(world).id]
    assert not cluster.leaders
    assert world.records.holder(the_row(world).id) is None


def stops(world: World) -> list[str]:
    return [line for line in world.effects.log if "stop" in line]


def test_kafkas_own_partitions_are_led_before_users_are() -> None:
    """Who leads one of them first reads all of it: no user's message waits for that."""
    world, seen = created(), list[set[str]]()
    cluster = world.kafka.clusters[the_row(world).id]
    cluster.topics["orders"] = NewTopic("orders", {0: (2, 1, 3)})
    title = "broker 2: take its leaders back"
    stage = Interlude(title, lambda: seen.append({topic for topic, _ in cluster.leaders}))
    world.ask(restart_instance, ONE, stage=stage)
    assert seen == [{"orders"}]
    assert_settled(world)


@pytest.mark.parametrize(("way", "after"), [("rolling", [2, 2, 2]), ("one", [1, 2, 1]),
                                            ("full", [2, 2, 2])])  # fmt: skip
def test_each_request_is_a_restart(way: str, after: list[int]) -> None:
    world = created()
    world.ask(restart_instance, WAYS[way])
    assert starts(world) == after
    assert_settled(world)
    world.ask(restart_instance, WAYS[way])
    assert starts(world) == [2 * each - 1 for each in after]


def test_the_controller_comes_last() -> None:
    world = created()
    world.ask(restart_instance, AGAIN)
    stopped = [title[7] for title in world.stage.titles if title.endswith(": stop Kafka")]
    assert stopped == ["2", "3", "1"]


def test_who_is_down_comes_first_and_is_only_started() -> None:
    world = created()
    hosts(world)[2].kafka = UnitState.FAILED
    world.ask(restart_instance, AGAIN)
    stopped = [title[7] for title in world.stage.titles if title.endswith(": start Kafka")]
    assert stopped == ["3", "2", "1"]
    assert starts(world) == [2, 2, 2]
    assert_settled(world)


CASES = [(way, at) for way, wish in WAYS.items() for at in range(effects_of(wish))]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize(("way", "at"), CASES)
def test_a_restart_is_finished_by_the_next_request(way: str, at: int, trouble: Trouble) -> None:
    whole = created()
    whole.ask(restart_instance, WAYS[way])
    world = created()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    # What a wait does again and again, such as asking a broker to leave, may fail once.
    with suppress(EffectFailed, GateTimeout, Killed):
        world.ask(restart_instance, WAYS[way])
    world.effects.heal()

    if the_row(world).status is not Status.RUNNING or starts(world) != starts(whole):
        world.ask(restart_instance, WAYS[way], who="grace")
    assert_settled(world)
    assert starts(world) == starts(whole)


def test_a_restart_that_was_cut_off_by_the_sweep_goes_on() -> None:
    world = created()
    world.effects.trouble_at = world_effect("FakeHosts.stop_kafka", 2)
    world.effects.trouble = Trouble.KILLED_AFTER
    with pytest.raises(Killed):
        world.ask(restart_instance, AGAIN)
    world.effects.heal()
    assert the_row(world).status is Status.RESTARTING
    world.sweep()
    assert the_row(world).status is Status.CHANGE_FAILED
    world.ask(restart_instance, AGAIN, who="grace")
    assert starts(world) == [2, 2, 2]
    assert_settled(world)


def world_effect(name: str, number: int) -> int:
    """Where in a rolling restart an effect happens for the n-th time."""
    world = created()
    world.ask(restart_instance, AGAIN)
    return [at for at, each in enumerate(world.effects.log) if each == name][number - 1]


def test_a_topic_that_cannot_spare_its_broker_stops_nothing() -> None:
    world = created()
    single = NewTopic("single", {0: (2,)})
    world.kafka.clusters[the_row(world).id].topics["single"] = single
    said = refused(world, restart_instance, AGAIN)
    assert "single" in said
    assert starts(world) == [1, 1, 1]
    world.ask(restart_instance, {**AGAIN, "at_risk": "accept"})
    assert starts(world) == [2, 2, 2]


def test_nothing_is_stopped_while_another_is_down_for_good() -> None:
    world = created()
    hosts(world)[0].running = False
    said = refused(world, restart_instance, AGAIN)
    assert said == (
        'instance "demo": the machine t0000001-1-1 of broker 1 does not answer over SSH, so nobody '
        "knows what runs there; bring it back, or replace the broker"
    )


@pytest.mark.parametrize(("wish", "said"), [
    ({"mode": "quick"}, 'mode "quick": accepted are rolling, full'),
    ({"broker": 7}, "broker 7: the brokers of demo are 1, 2, 3"),
    ({"mode": "full"},
     'confirm "": for a full restart the name of the instance, "demo", is accepted'),
    ({"mode": "full", "broker": 2, "confirm": "demo"},
     "broker 2: a full restart is of all brokers; leave it empty, or choose mode rolling"),
    ({"at_risk": "perhaps"}, 'at_risk "perhaps": accepted are refuse, accept, raise-replicas'),
    ({"stall_budget": 0.1}, "stall_budget 0.1: 0.5 to 600 seconds are accepted"),
])  # fmt: skip
def test_what_is_refused(wish: Mapping[str, Any], said: str) -> None:
    assert refused(created(), restart_instance, {**AGAIN, **wish}) == said


def test_a_stall_beyond_its_budget_pauses_the_roll_after_its_broker() -> None:
    world = created()
    world.probes.gaps = [6.2]
    with pytest.raises(EffectFailed) as caught:
        world.ask(restart_instance, AGAIN)
    assert str(caught.value) == (
        "the roll pauses after broker 2: clients waited 6.2 s for an acknowledgement, more than "
        "the stall budget of 5 s; left are brokers 1, 3; ask for the same again to go on"
    )
    assert starts(world) == [1, 2, 1]
    assert the_row(world).status is Status.CHANGE_FAILED
    world.ask(restart_instance, {**AGAIN, "stall_budget": 10})
    assert starts(world) == [2, 2, 2]
    assert_settled(world)


def test_a_larger_budget_lets_the_roll_go_on() -> None:
    world = created()
    world.probes.gaps = [6.2]
    world.ask(restart_instance, {**AGAIN, "stall_budget": 10})
    assert starts(world) == [2, 2, 2]


def test_what_clients_felt_is_in_history_and_report() -> None:
    world = created()
    world.probes.gaps = [0.7]
    world.ask(restart_instance, AGAIN)
    felt = world.records.history("demo")[0].result["probe"]
    assert list(felt["brokers"]) == ["2", "3", "1"]
    assert felt["brokers"]["2"]["write_gap"] == 0.7
    assert (felt["lost"], felt["duplicated"], felt["errors"]) == (0, 0, [])
    assert [gap[3] for gap in felt["gaps"]] == [0.7]
    assert "## What clients felt" in world.stage.pages["report"]
    assert world.probes.running == 0


def test_how_far_a_restart_is_can_be_seen_while_it_runs() -> None:
    world = created()
    world.effects.trouble_at = world_effect("FakeHosts.stop_kafka", 2)
    world.effects.trouble = Trouble.KILLED_BEFORE
    with pytest.raises(Killed):
        world.ask(restart_instance, AGAIN)
    told = world.records.history("demo")[0].result["progress"]
    assert told["percent"] == 33.3
    turn = [each * 100 / 3 for each in (0, 0.2, 0.3, 0.8, 1)]
    assert world.stage.percents == pytest.approx(turn)


def test_a_broker_that_does_not_stop_is_not_killed_and_stops_the_roll() -> None:
    world = created()
    second = hosts(world)[1]
    second.keeps_kafka = True
    with pytest.raises(GateTimeout) as failure:
        world.ask(restart_instance, ONE)
    assert str(failure.value) == (
        "waited 200 s until Kafka of broker 2 has stopped, in vain: it is still registered and "
        f"runs on {second.machine.name}; it was not killed, since that would cost a log recovery"
    )
    assert the_row(world).status is Status.CHANGE_FAILED
    assert (second.kafka, starts(world)) == (UnitState.ACTIVE, [1, 1, 1])
    second.keeps_kafka = False
    world.ask(restart_instance, ONE)
    assert starts(world) == [1, 2, 1]
    assert_settled(world)


def test_a_broker_that_is_deaf_on_one_listener_stops_the_roll() -> None:
    world = created()
    world.kafka.deaf = {(2, ListenerName.PRIVATE)}
    with pytest.raises(GateTimeout, match="until broker 2 answers on every listener, in vain"):
        world.ask(restart_instance, AGAIN)
    assert [host.kafka_starts for host in world.provider.hosts.values()] == [1, 2, 1]


def test_a_plan_says_how_long_it_may_take() -> None:
    world = created()
    world.ask(restart_instance, {**AGAIN, "plan_only": True})
    assert "may take 90 s; no roll of it is known yet" in world.stage.pages["plan"]
    world.ask(restart_instance, AGAIN)
    world.ask(restart_instance, {**AGAIN, "plan_only": True})
    assert "as earlier rolls did" in world.stage.pages["plan"]
