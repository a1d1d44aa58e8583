"""Every broker serves other certificates after a restart, where Kafka does not take them live."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from flows.domain.certificate_replacement import CertificatePlan
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import CLIENT_LISTENERS
from flows.procedures.reshape import as_wished
from flows.procedures.roll import bring_back, roll
from flows.steps.certificates import issue_certificates
from flows.steps.observation import observe_by_id
from flows.steps.one_broker import leave, stop_broker
from flows.steps.readiness import leaders_back, safe_to_stop
from flows.steps.serving import check_served
from flows.steps.site import Site
from flows.steps.waiting import wait_for
from flows.steps.wishes import remember_wish


def recertify_by_roll(site: Site, plan: CertificatePlan, instance: Instance) -> None:
    """Every broker was started with the stores of the wish, and is seen to serve them.

    The first one that does not is started with those from before, and stops the roll.
    """
    issue_certificates(site, instance)
    remember_wish(site, instance.wish)
    # The probe has to believe the old certificates and the new ones: it sees both.
    roll(
        site,
        replace(plan, instance=instance, wish=instance.wish),
        as_wished,
        partial(_serves_or_goes_back, plan),
    )


def serves_its_stores(site: Site, instance: Instance, broker: Broker) -> None:
    """The broker serves the whole chain of the wish; otherwise no other broker is stopped."""
    check_served(site, instance, broker, CLIENT_LISTENERS)


def _serves_or_goes_back(
    plan: CertificatePlan, site: Site, instance: Instance, broker: Broker
) -> None:
    try:
        serves_its_stores(site, instance, broker)
    except GateTimeout as silence:
        raise EffectFailed(f"{silence}; {_gone_back(site, plan, broker)}") from None


def _gone_back(site: Site, plan: CertificatePlan, broker: Broker) -> str:
    """The broker runs with its old stores again; says so, or why it does not."""
    # What went wrong first is to be said as well, not only what went wrong after it.
    try:
        _start_as_before(site, plan, broker)
    except (EffectFailed, GateTimeout) as failure:
        return f"broker {broker.id} was not started with its old stores again: {failure}"
    return f"broker {broker.id} was started with its old stores again"


def _start_as_before(site: Site, plan: CertificatePlan, broker: Broker) -> None:
    """One broker more is restarted, as carefully as any; for the wish it is due as before.

    Its host notes the generation from before, so the same request starts it anew.
    """
    instance = replace(observe_by_id(site), wish=plan.as_settled.wish)
    present = instance.broker(broker.id)
    wait_for(site, safe_to_stop(instance, present, plan.at_risk))
    leave(site, instance, present)
    stop_broker(site, instance, present)
    as_wished(site, instance, present)
    bring_back(site, instance, present)
    wait_for(site, leaders_back(instance, present))
