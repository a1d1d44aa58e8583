"""converge-access: clients come in as it is wished, whatever was changed by hand."""

from __future__ import annotations

from flows.domain.convergence import ConvergeAccess, ConvergencePlan, plan_convergence
from flows.domain.listeners import ListenerName
from flows.procedures.changing import AT_REST, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.procedures.rewire import tell
from flows.steps.access import keep_ways, lead_eips
from flows.steps.connections import tell_address_limits
from flows.steps.dnat import ending, opening
from flows.steps.drift import load_firewalls, stand_as_wished
from flows.steps.site import Site

TRACES = TraceNames(
    accepted="convergeAccessSuccess",
    refused="convergeAccessFailure",
    done="convergeAccessTaskSuccess",
    failed="convergeAccessTaskFailure",
)


@operation(
    ConvergeAccess,
    plan=plan_convergence,
    run_name="converge access of {instance}",
    life=change_life(TRACES, begins_in=AT_REST),
)
def converge_access(site: Site, plan: ConvergencePlan) -> None:
    """Put right what check-access finds: firewalls, files, what brokers tell, DNAT rules, EIPs.

    The plan lists each difference between the wish and the world. No broker restarts, and clients
    that come in as it is wished feel nothing. What lies in other hands, such as name servers and
    endpoint services, is named and left. Safe to run again.
    """
    instance, wish = plan.instance, plan.instance.wish
    keep_ways(site, instance)
    load_firewalls(site, instance)
    tell(site, instance, ListenerName.CROSS)
    tell_address_limits(site, instance, instance.brokers)
    lead_eips(site, instance)
    opening(wish)(site, instance)
    ending(wish)(site, instance)
    stand_as_wished(site, instance)
