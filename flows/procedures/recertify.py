"""Every broker serves other certificates to its clients, each in turn, while clients go on."""

from __future__ import annotations

from collections.abc import Iterable

from flows.domain.instance import Instance
from flows.domain.listeners import CLIENT_LISTENERS
from flows.steps.certificates import forget_superseded, issue_certificates
from flows.steps.serving import deliver_stores, serve_again, serve_live, write_stores
from flows.steps.site import Site
from flows.steps.wishes import remember_wish


def recertify(site: Site, instance: Instance, before: Instance) -> None:
    """Every broker serves the client-facing certificates of the wish, now and after its next start.

    What is wished is made before it is remembered, so that nobody looks for what is not there. The
    first broker that does not serve it is told its stores of `before` again, and stops it.
    """
    issue_certificates(site, instance)
    remember_wish(site, instance.wish)
    deliver_stores(site, instance)
    for broker in instance.brokers:
        serve_live(site, instance, broker, CLIENT_LISTENERS, before)
    write_stores(site, instance)


def serve_before(site: Site, instance: Instance, begun: Instance, brokers: Iterable[int]) -> None:
    """These brokers serve again what they did before a change (`begun`) that is taken back.

    Whoever serves it still is not told anything; all start with it from now on.
    """
    deliver_stores(site, instance)
    for number in brokers:
        serve_again(site, instance, instance.broker(number), CLIENT_LISTENERS, begun)
    write_stores(site, instance)


def drop_old_authority(site: Site, instance: Instance, before: Instance) -> None:
    """Clients that trust only the old authority are refused from now on, at the next connection."""
    recertify(site, instance, before)
    forget_superseded(site, before, instance)
