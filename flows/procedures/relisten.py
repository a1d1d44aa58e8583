"""Client listeners with another protocol on every broker, each in turn, without a restart."""

from __future__ import annotations

from flows.domain.instance import Instance
from flows.domain.wish import Wish
from flows.steps.connections import limit_connections
from flows.steps.delivery import deliver
from flows.steps.mutual_tls import certify_probe, remake_client_listeners
from flows.steps.proof import prove
from flows.steps.site import Site


def relisten(site: Site, instance: Instance, before: Wish) -> None:
    """Every broker lets clients in as the instance's wish says, now and after its next start.

    The first broker that does not stops it, and gets back what it had; `before` says what that is.
    """
    if instance.wish.mutual_tls:
        certify_probe(site, instance)
    for broker in instance.brokers:
        remake_client_listeners(site, instance, broker, before)
    limit_connections(site, instance, instance.brokers)
    deliver(site, instance)
    prove(site, instance)
