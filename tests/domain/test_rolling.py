"""Whose turn it is in a roll, and which brokers a restart is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.instance import HostState, Instance, UnitState
from flows.domain.machines import MachineSize, Room
from flows.domain.restart import RestartInstance, RestartPlan, plan_restart
from flows.domain.rolling import next_broker
from flows.domain.surroundings import Surroundings
from tests.domain.samples import instance, refused, serving, wish, with_broker


def whole(**changes: Any) -> Instance:
    """Everybody serves, each started for the first generation; broker 2 controls."""
    seen = serving(instance(wish(brokers=5)))
    hosts = {
        broker.id: replace(broker, host=replace(broker.host or HostState(), started_generation=1))
        for broker in seen.brokers
    }
    known = replace(seen, brokers=tuple(hosts.values()), controller=2, settled_wish=seen.wish)
    return replace(known, **changes)


def order(found: Instance, leader: int | None = None) -> list[int]:
    found = replace(found, zookeeper_leader=leader)
    left = {broker.id for broker in found.brokers}
    turns = []
    while (broker := next_broker(found, left)) is not None:
        turns.append(broker.id)
        left.remove(broker.id)
    return turns


def resized(*, restarts: bool) -> Instance:
    """Every machine has another size than the wish, at a provider of such manners."""
    found, room = whole(), Room(0, 0)
    around = Surroundings("a cloud", ("zone-1",), room, room, restarts_to_resize=restarts)
    brokers = tuple(replace(each, size=MachineSize(1, 1, 100)) for each in found.brokers)
    return replace(found, brokers=brokers, surroundings=around)


def noted(found: Instance, number: int, generation: int, **changes: Any) -> Instance:
    """The broker was started for this generation."""
    host = found.broker(number).host or HostState()
    return with_broker(found, number, host=replace(host, started_generation=generation, **changes))


def asked(found: Instance, **request: Any) -> RestartPlan:
    return plan_restart(found, RestartInstance(instance="demo", **request))


def test_the_controller_comes_last() -> None:
    assert order(whole()) == [1, 3, 4, 5, 2]


def test_who_does_not_serve_comes_first() -> None:
    down = noted(whole(), 4, 1, kafka=UnitState.FAILED)
    lost = with_broker(down, 5, registered=False)
    assert order(lost) == [4, 5, 1, 3, 2]


def test_where_machines_restart_the_ensembles_leader_comes_late() -> None:
    assert order(resized(restarts=True), leader=1) == [3, 4, 5, 1, 2]
    assert order(resized(restarts=False), leader=1) == [1, 3, 4, 5, 2]
    assert order(whole(), leader=1) == [1, 3, 4, 5, 2]


def test_nobody_is_left_in_the_end() -> None:
    assert next_broker(whole(), set()) is None


def test_a_new_request_raises_the_generation_of_all() -> None:
    plan = asked(whole())
    assert plan.due == (1, 2, 3, 4, 5)
    assert plan.wish.start_generation == 2
    assert len(plan.steps) == 6


def test_a_generation_that_a_host_has_noted_is_never_asked_for_again() -> None:
    rolled_back = noted(whole(), 3, 7)
    assert asked(rolled_back).wish.start_generation == 8


def test_one_broker_gets_a_generation_of_its_own() -> None:
    plan = asked(whole(), broker=4)
    assert plan.due == (4,)
    assert plan.wish.start_generation == 1
    assert [plan.wish.generation_of(number) for number in (3, 4)] == [1, 2]
    then = asked(noted(whole(wish=plan.wish, settled_wish=plan.wish), 4, 2))
    assert then.wish.start_generation == 3
    assert then.due == (1, 2, 3, 4, 5)


@given(st.sets(st.integers(1, 5)))
def test_a_restart_that_was_cut_off_is_of_those_that_were_not_started(done: set[int]) -> None:
    begun = whole()
    raised = asked(begun).wish
    cut_off = replace(begun, wish=raised)
    for number in done:
        cut_off = noted(cut_off, number, 2)
    plan = asked(cut_off)
    assert plan.wish == raised
    assert set(plan.due) == {1, 2, 3, 4, 5} - done
    assert plan.steps[-1].subject == "instance", "even then the whole is seen to"


def test_a_machine_that_is_silent_is_named() -> None:
    silent = with_broker(whole(), 2, host=None)
    assert "of broker 2 does not answer over SSH" in refused(lambda: asked(silent))
