"""Every broker serves other certificates after a restart, where Kafka does not take them live."""

from __future__ import annotations

from dataclasses import replace

from flows.domain.certificate_replacement import CertificatePlan
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import CLIENT_LISTENERS
from flows.procedures.reshape import as_wished
from flows.procedures.roll import roll
from flows.steps.certificates import issue_certificates
from flows.steps.serving import check_served, name_stores
from flows.steps.site import Site
from flows.steps.wishes import remember_wish


def recertify_by_roll(site: Site, plan: CertificatePlan, instance: Instance) -> None:
    """Every broker was started with the stores of the wish, and is seen to serve them."""
    issue_certificates(site, instance)
    remember_wish(site, instance.wish)
    # The probe has to believe the old certificates and the new ones: it sees both.
    plan = replace(plan, instance=instance, wish=instance.wish)
    roll(site, plan, with_its_stores, serves_its_stores)


def with_its_stores(site: Site, instance: Instance, broker: Broker) -> None:
    """A broker that is down starts with the stores of the wish, whatever it was told before."""
    as_wished(site, instance, broker)
    name_stores(site, instance, broker)


def serves_its_stores(site: Site, instance: Instance, broker: Broker) -> None:
    """The broker serves the whole chain of the wish; otherwise no other broker is stopped."""
    check_served(site, instance, broker, CLIENT_LISTENERS)
