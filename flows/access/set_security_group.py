"""set-security-group: who may reach the ports of clients, as each host's firewall enforces it."""

from __future__ import annotations

from flows.access.subjects import to_set_security_group
from flows.domain.client_sources import SetSecurityGroup, SourcesPlan, plan_sources
from flows.procedures.changing import AT_REST, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.steps.access import keep_ways
from flows.steps.site import Site
from flows.steps.wishes import remember_wish

TRACES = TraceNames(
    accepted="modifySecurityGroupSuccess",
    refused="modifySecurityGroupFailure",
    done="modifySecurityGroupTaskSuccess",
    failed="modifySecurityGroupTaskFailure",
)


@operation(
    SetSecurityGroup,
    plan=plan_sources,
    run_name="set security group of {instance}",
    life=change_life(TRACES, begins_in=AT_REST, subject=to_set_security_group),
)
def set_security_group(site: Site, plan: SourcesPlan) -> None:
    """Choose which addresses and networks may reach the ports of clients.

    Every host's firewall lets in exactly these, besides the product, from then on; new brokers
    too. A source that the provider's own group does not let through is refused. No broker
    restarts. Safe to run again: the second time there is nothing to do.
    """
    remember_wish(site, plan.instance.wish)
    keep_ways(site, plan.instance)
