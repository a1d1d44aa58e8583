"""replace-broker: a broker whose machine died for good comes back on a new one."""

from __future__ import annotations

from flows.domain.replacement import ReplaceBroker, ReplacementPlan, plan_replacement
from flows.procedures.changing import AT_REST_OR_FAULTY, change_life
from flows.procedures.operation import operation
from flows.procedures.reassign import refill
from flows.procedures.remembering import TraceNames
from flows.procedures.roll import settle
from flows.steps.access import lead_eips
from flows.steps.brokers import brokers_registered, metadata_complete, start_brokers
from flows.steps.certificates import issue_certificates
from flows.steps.connections import limit_connections
from flows.steps.delivery import configure_broker
from flows.steps.distribution import unpack_distributions
from flows.steps.ensemble import ensemble_serves
from flows.steps.groups import follow_group
from flows.steps.machines import machines_reachable, replace_machine
from flows.steps.preflight import check_hosts
from flows.steps.proof import prove
from flows.steps.serving import name_stores
from flows.steps.site import Site
from flows.steps.sweeping import look_again
from flows.steps.waiting import wait_for
from flows.steps.wishes import remember_wish

# The guide knows no replacement; it is traced as what it is.
LIFE = change_life(
    TraceNames(
        accepted="replaceDMSInstanceBrokerSuccess",
        refused="replaceDMSInstanceBrokerFailure",
        done="replaceDMSInstanceBrokerTaskSuccess",
        failed="replaceDMSInstanceBrokerTaskFailure",
    ),
    begins_in=AT_REST_OR_FAULTY,
)


@operation(
    ReplaceBroker,
    plan=plan_replacement,
    run_name="replace broker {broker} of {instance}",
    life=LIFE,
)
def replace_broker(site: Site, plan: ReplacementPlan) -> None:
    """Give a broker whose machine died for good a new one, under its old id, zone and address.

    The new machine gets new certificates; its replicas come back from the other brokers. Refused
    while the old machine answers. Safe to run again.
    """
    remember_wish(site, plan.wish)
    instance = replace_machine(site, plan.as_wished, plan.as_wished.broker(plan.broker))
    broker = instance.broker(plan.broker)
    follow_group(site, instance)
    wait_for(site, machines_reachable(instance))
    check_hosts(site, instance)
    issue_certificates(site, instance)
    unpack_distributions(site, instance)
    configure_broker(site, instance, broker)
    wait_for(site, ensemble_serves(instance))
    name_stores(site, instance, broker)
    lead_eips(site, instance)
    refill(site, instance, broker.id, plan.pace, lambda: start_brokers(site, instance))
    wait_for(site, brokers_registered(instance))
    wait_for(site, metadata_complete(instance))
    limit_connections(site, instance, [broker])
    settle(site, instance)
    prove(site, instance)
    look_again(site, instance)
