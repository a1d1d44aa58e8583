"""Rolling over the brokers: each one in turn is stopped, changed, started and waited for.

Every change that stops a broker goes through here. A broker that was cut off in the middle comes
first when the roll is run again: it is the one that does not serve.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from flows.domain.instance import Broker, Instance
from flows.domain.progress import Part
from flows.domain.rolling import AtRisk, RollPlan, next_broker, serves
from flows.procedures.raising import put_replicas_back, raise_replicas
from flows.steps.brokers import start_brokers, stop_brokers
from flows.steps.connections import limit_connections
from flows.steps.ensemble import staying_connected
from flows.steps.observation import observe_by_id
from flows.steps.one_broker import (
    clients_held,
    leave,
    let_clients_in,
    start_broker,
    stop_broker,
    take_all_leaders_back,
    take_leaders_back,
    warm,
)
from flows.steps.probing import probing
from flows.steps.progress import RollProgress
from flows.steps.readiness import (
    all_in_sync,
    all_lead,
    broker_back,
    leaders_back,
    listeners_answer,
    safe_to_stop,
)
from flows.steps.rejoining import end_holding_back, hold_back_join, join_in_portions
from flows.steps.site import Site
from flows.steps.waiting import wait_for

Change = Callable[[Site, Instance, Broker], None]
"""What is done to a broker while it is stopped; safe to be done again."""


def as_it_is(site: Site, instance: Instance, broker: Broker) -> None:
    """Nothing is changed but the process."""


def roll(site: Site, plan: RollPlan, change: Change = as_it_is, check: Change = as_it_is) -> None:
    """Every due broker was stopped, changed and started again; all are in sync and lead.

    One broker at a time is away; `check` is made once it is back. Whatever goes wrong stops the
    roll before the next one. Replicas that were raised for it, by whichever run, are put back at
    its end.
    """
    let_clients_in(site, plan.instance)
    left = set(plan.due)
    progress = RollProgress(site, plan.instance, len(left))
    with staying_connected(site, plan.instance), probing(site, plan.instance) as probe:
        for instance, broker in next_brokers(site, left):
            # Not before all run: what is down cannot give its replicas to anybody.
            if plan.at_risk is AtRisk.RAISE_REPLICAS and serves(broker):
                raise_replicas(site, instance, left, plan.pace)
            end_holding_back(site, instance)
            wait_for(site, safe_to_stop(instance, broker, plan.at_risk))
            with probe.measuring(broker):
                leave(site, instance, broker)
                stop_broker(site, instance, broker)
                progress.reached(Part.STOPPED)
                change(site, instance, broker)
                progress.reached(Part.CHANGED)
                bring_back(site, instance, broker)
                calm = probe.calm()
                wait_for(site, leaders_back(instance, broker))
                progress.reached(Part.BACK)
                check(site, instance, broker)
                wait_for(site, calm)
            left.remove(broker.id)
            progress.broker_done(probe.last)
            probe.check_budget(plan.stall_budget, left)
        settle(site, plan.instance)
    put_replicas_back(site, plan.instance)


def bring_back(site: Site, instance: Instance, broker: Broker) -> None:
    """The broker runs, is in sync, warm, and was told to lead what it should."""
    before = registration(instance, broker)
    with clients_held(site, instance, broker) as door:
        portions = hold_back_join(site, instance, broker)
        start_broker(site, instance, broker)
        join_in_portions(site, instance, broker, portions, door)
        wait_for(site, broker_back(instance, broker, before, door))
        limit_connections(site, instance, [broker])
    wait_for(site, listeners_answer(instance, broker))
    warm(site, instance, broker)
    take_leaders_back(site, instance, broker)


def settle(site: Site, instance: Instance) -> None:
    """Every replica is in sync and every leader in its place, also after one that was cut off."""
    end_holding_back(site, instance)
    wait_for(site, all_in_sync(instance))
    take_all_leaders_back(site, instance)
    wait_for(site, all_lead(instance))


def registration(instance: Instance, broker: Broker) -> int | None:
    """The registration (czxid) that a broker had when it was looked at."""
    return instance.cluster.registrations.get(broker.id) if instance.cluster else None


def restart_at_once(site: Site, plan: RollPlan, change: Change = as_it_is) -> None:
    """All due brokers were stopped, changed and started together; nobody was served meanwhile."""
    instance = observe_by_id(site)
    brokers = [instance.broker(number) for number in plan.due]
    stop_brokers(site, instance, brokers)
    for broker in brokers:
        change(site, instance, broker)
    start_brokers(site, instance)
    settle(site, instance)
    limit_connections(site, instance, brokers)
    put_replicas_back(site, instance)


def next_brokers(site: Site, left: Collection[int]) -> Iterator[tuple[Instance, Broker]]:
    """Who is next of those that are left, each with the instance as it is just then."""
    while left:
        instance = observe_by_id(site)
        broker = next_broker(instance, left)
        assert broker is not None
        yield instance, broker
