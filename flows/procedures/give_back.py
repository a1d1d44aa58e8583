"""Clients are given back the addresses that they were told before a change was cut off.

1. the ways from before are open beside those of the change: security group, firewall, stores,
   EIPs, rules
2. brokers tell the addresses from before, one after the other; none restarts
3. what the change had opened is taken away
4. the brokers' files and the wish say the same

A gateway that gives no answer keeps nobody waiting: it is named, and its rules stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

from flows.domain.instance import Instance
from flows.domain.listeners import ListenerName
from flows.domain.returning import returned
from flows.domain.translating import speaking_of
from flows.procedures.rewire import tell
from flows.steps.access import keep_ways, lead_eips, open_ways, release_eips
from flows.steps.connections import limit_connections, tell_address_limits
from flows.steps.dnat import ending, opening
from flows.steps.gateways_left import answering_gateways, free_eips_left
from flows.steps.serving import deliver_stores
from flows.steps.site import Site
from flows.steps.wishes import remember_wish


def give_back(site: Site, instance: Instance) -> None:
    """The instance, wished back by now, is as if the change had never been asked for."""
    before = replace(instance, wish=returned(instance.wish))
    answering = answering_gateways(site, instance)
    gateways = speaking_of(instance.wish, answering)
    open_ways(site, instance)
    deliver_stores(site, before)
    lead_eips(site, before)
    opening(gateways)(site, before)
    tell(site, before, ListenerName.CROSS)
    release_eips(site, before)
    free_eips_left(site, instance)
    ending(gateways)(site, before)
    tell_address_limits(site, before, before.brokers)
    limit_connections(site, before, before.brokers)
    keep_ways(site, before)
    remember_wish(site, before.wish)
