"""Rolling over the brokers: each one in turn is stopped, changed, started and waited for.

Every change that stops a broker goes through here. A broker that was cut off in the middle comes
first when the roll is run again: it is the one that does not serve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flows.domain.instance import Broker, Instance
from flows.domain.rolling import RollPlan, next_broker
from flows.steps.brokers import start_brokers, stop_brokers
from flows.steps.observation import observe_by_id
from flows.steps.one_broker import (
    start_broker,
    stop_broker,
    take_all_leaders_back,
    take_leaders_back,
)
from flows.steps.readiness import all_in_sync, broker_back, leaders_back, safe_to_stop
from flows.steps.site import Site
from flows.steps.waiting import wait_for

Change = Callable[[Site, Instance, Broker], None]
"""What is done to a broker while it is stopped; safe to be done again."""


def as_it_is(site: Site, instance: Instance, broker: Broker) -> None:
    """Nothing is changed but the process."""


def roll(site: Site, plan: RollPlan, change: Change = as_it_is) -> None:
    """Every due broker was stopped, changed and started again; all are in sync and lead.

    One broker at a time is away. Whatever goes wrong stops the roll before the next one.
    """
    for instance, broker in next_brokers(site, plan):
        wait_for(site, safe_to_stop(instance, broker, plan.at_risk))
        before = instance.cluster.registrations.get(broker.id) if instance.cluster else None
        stop_broker(site, instance, broker)
        change(site, instance, broker)
        start_broker(site, instance, broker)
        wait_for(site, broker_back(instance, broker, before))
        take_leaders_back(site, instance, broker)
        wait_for(site, leaders_back(instance, broker))
    wait_for(site, all_in_sync(plan.instance))


def restart_at_once(site: Site, plan: RollPlan) -> None:
    """All due brokers were stopped together and started together; nobody was served meanwhile."""
    instance = observe_by_id(site)
    brokers = [instance.broker(number) for number in plan.due]
    stop_brokers(site, instance, brokers)
    start_brokers(site, instance)
    wait_for(site, all_in_sync(instance))
    take_all_leaders_back(site, instance)


def next_brokers(site: Site, plan: RollPlan) -> Iterator[tuple[Instance, Broker]]:
    """The due brokers, each with the instance as it is just then: the order is asked anew."""
    left = set(plan.due)
    while left:
        instance = observe_by_id(site)
        broker = next_broker(instance, left)
        assert broker is not None
        yield instance, broker
        left.remove(broker.id)
