"""set-connection-limits: connections per address, and the network of endpoint services."""

from __future__ import annotations

from flows.domain.limiting import LimitsPlan, SetConnectionLimits, plan_limits
from flows.procedures.changing import AT_REST, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.steps.access import keep_ways
from flows.steps.connections import tell_address_limits
from flows.steps.site import Site
from flows.steps.wishes import remember_wish

TRACES = TraceNames(
    accepted="modifyConnectionLimitsSuccess",
    refused="modifyConnectionLimitsFailure",
    done="modifyConnectionLimitsTaskSuccess",
    failed="modifyConnectionLimitsTaskFailure",
)


@operation(
    SetConnectionLimits,
    plan=plan_limits,
    run_name="set connection limits of {instance}",
    life=change_life(TRACES, begins_in=AT_REST),
)
def set_connection_limits(site: Site, plan: LimitsPlan) -> None:
    """Set how many connections one address may have, and from which network endpoints come.

    No broker restarts: running brokers are told where their version takes it (2.3 and later),
    others learn it at their next start. The product, the brokers and gateways that masquerade
    are never limited. Safe to run again: the second time there is nothing to do.
    """
    remember_wish(site, plan.instance.wish)
    keep_ways(site, plan.instance)
    tell_address_limits(site, plan.instance, plan.instance.brokers)
