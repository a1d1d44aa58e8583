"""Giving clients other addresses while they work: proved through the addresses, or put back.

1. the new way is opened beside the old one, on all brokers and gateways at once: firewall,
   certificates for the new names, EIPs, rules
2. at every new address the right broker answers, asked from the clients' network
3. brokers tell clients the new addresses, one after the other; none restarts
4. asked again: metadata names every broker by its new address
5. the brokers' files say the same
6. the old way stays open for clients that were told of it, until it is dropped

Whatever the proof finds wrong, every broker tells the addresses from before again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flows.domain.instance import Instance
from flows.domain.listeners import ListenerName
from flows.domain.rewiring import (
    RewirePlan,
    listener_of,
    remembering_names,
    until,
    without_former,
)
from flows.domain.wish import Wish
from flows.steps.access import (
    ProofFailed,
    keep_ways,
    open_ways,
    prove_addresses,
    stand_as_before,
    tell_listeners,
)
from flows.steps.ensemble import staying_connected
from flows.steps.serving import serve_more_names
from flows.steps.site import Site
from flows.steps.wishes import remember_wish

Ways = Callable[[Site, Instance], None]
"""Makes the ways that an instance's wish names lead to its brokers; safe to be done again."""


def no_more(site: Site, instance: Instance) -> None:
    """Nothing else leads the way: endpoint services are their owners'."""


def rewire(site: Site, plan: RewirePlan, ways: Ways = no_more, ended: Ways = no_more) -> None:
    """Clients are told the new addresses, and each of them reaches the right broker.

    `ways` leads them there before anybody is told, `ended` takes away what no wish names any
    more. ProofFailed when a new address does not lead to its broker: then all is as before.
    """
    with staying_connected(site, plan.instance):
        try:
            _open(site, plan, ways)
            _switch(site, plan)
        except ProofFailed:
            _put_back(site, plan, ways, ended)
            raise
        _leave_old(site, plan, ended)


def drop_old(site: Site, instance: Instance, ended: Ways = no_more) -> None:
    """The way from before is closed; who still comes by it is cut off."""
    settled = _wished(site, instance, without_former(instance.wish))
    ended(site, settled)
    keep_ways(site, settled)


def _open(site: Site, plan: RewirePlan, ways: Ways) -> None:
    prepared = _wished(site, plan.instance, plan.prepared)
    if not plan.addresses:
        return
    # A gateway and the brokers' hosts do not wait for each other; nobody is told of either yet.
    site.stage.at_once(lambda: ways(site, prepared), lambda: _let_in(site, plan, prepared))
    if plan.asked_before():
        _prove(site, plan)


def _let_in(site: Site, plan: RewirePlan, prepared: Instance) -> None:
    open_ways(site, prepared)
    if plan.asked_before():
        serve_more_names(site, prepared, (plan.listener,))


def _switch(site: Site, plan: RewirePlan) -> None:
    moment = site.clock.now().timestamp() + plan.keep_old
    after = _wished(site, plan.instance, until(plan.after, moment))
    tell(site, after, plan.listener)
    _prove(site, plan, after)
    keep_ways(site, after)


def _leave_old(site: Site, plan: RewirePlan, ended: Ways) -> None:
    after = plan.with_wish(plan.after)
    if plan.keep_old == 0 and after.wish.access.old_until is not None:
        drop_old(site, after, ended)
    else:
        ended(site, after)


def _put_back(site: Site, plan: RewirePlan, ways: Ways, ended: Ways) -> None:
    # Kafka 2.7 refuses a certificate without names that the process has served.
    wish = remembering_names(plan.with_wish(plan.prepared), plan.before)
    before = _wished(site, plan.instance, wish)
    ways(site, before)
    tell(site, before, plan.listener)
    ended(site, before)
    keep_ways(site, before)
    stand_as_before(site, plan)


def tell(site: Site, instance: Instance, name: ListenerName) -> None:
    """Every broker in turn serves its listeners as wished, and says so; none restarts."""
    for broker in instance.brokers:
        listener = listener_of(instance, broker.id, name)
        told = listener.advertised if listener else f"that {name} is closed"
        tell_listeners(site, instance, broker, told)


def _prove(site: Site, plan: RewirePlan, told: Instance | None = None) -> None:
    if plan.network is not None and plan.addresses:
        prove_addresses(site, plan, told)


def _wished(site: Site, instance: Instance, wish: Wish) -> Instance:
    remember_wish(site, wish)
    return replace(instance, wish=wish)
