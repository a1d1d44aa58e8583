"""add-brokers: more brokers for an instance, which goes on meanwhile."""

from __future__ import annotations

from flows.domain.growth import AddBrokers, GrowthPlan, plan_growth
from flows.instances.admission import to_add_brokers
from flows.procedures.changing import AT_REST, EXTENDED, change_life
from flows.procedures.operation import operation
from flows.procedures.rebalance import rebalance
from flows.steps.access import lead_eips, prove_ways
from flows.steps.brokers import brokers_registered, metadata_complete, start_brokers
from flows.steps.certificates import issue_certificates
from flows.steps.connections import limit_connections, tell_address_limits
from flows.steps.delivery import deliver
from flows.steps.distribution import unpack_distributions
from flows.steps.dnat import opening
from flows.steps.groups import follow_group
from flows.steps.machines import machines_reachable, make_machines
from flows.steps.preflight import check_hosts
from flows.steps.proof import prove, spread_probe
from flows.steps.site import Site
from flows.steps.sweeping import look_again
from flows.steps.waiting import wait_for
from flows.steps.wishes import remember_wish

LIFE = change_life(EXTENDED, begins_in=AT_REST, subject=to_add_brokers)


@operation(AddBrokers, plan=plan_growth, run_name="add brokers to {instance}: {brokers}", life=LIFE)
def add_brokers(site: Site, plan: GrowthPlan) -> None:
    """Give an instance more brokers. Those that it has are neither stopped nor changed.

    With public access each new one has an EIP, and with DNAT a rule, before it starts; a client
    outside reaches it there before partitions move.

    Existing topics stay where they are, unless `rebalance` asks to spread them. Safe to run
    again: what is there already stays as it is.
    """
    remember_wish(site, plan.wish)
    instance = make_machines(site, plan.instance)
    follow_group(site, instance)
    lead_eips(site, instance)
    opening(plan.wish)(site, instance)
    wait_for(site, machines_reachable(instance))
    check_hosts(site, instance)
    issue_certificates(site, instance)
    unpack_distributions(site, instance)
    deliver(site, instance)
    start_brokers(site, instance)
    wait_for(site, brokers_registered(instance))
    wait_for(site, metadata_complete(instance))
    limit_connections(site, instance, instance.brokers)
    tell_address_limits(site, instance, instance.brokers)
    prove_ways(site, instance, plan.proofs)
    spread_probe(site, instance)
    if plan.rebalance:
        rebalance(site, instance, plan.pace)
    prove(site, instance)
    look_again(site, instance)
