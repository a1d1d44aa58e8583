"""set-dnat: clients of other networks come to 9011 by EIPs of a gateway."""

from __future__ import annotations

from dataclasses import replace

from flows.access.subjects import to_set_dnat
from flows.domain.instance import Instance
from flows.domain.rewiring import RewirePlan
from flows.domain.translating import SetDnat, plan_dnat
from flows.procedures.changing import AT_REST, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.procedures.rewire import rewire
from flows.steps.connections import tell_address_limits
from flows.steps.dnat import ending, opening
from flows.steps.site import Site

TRACES = TraceNames(
    accepted="modifyAdvertisedIpSuccess",
    refused="modifyAdvertisedIpFailure",
    done="modifyAdvertisedIpTaskSuccess",
    failed="modifyAdvertisedIpTaskFailure",
)
LIFE = replace(change_life(TRACES, begins_in=AT_REST), subject=to_set_dnat)


@operation(SetDnat, plan=plan_dnat, run_name="set DNAT of {instance}", life=LIFE)
def set_dnat(site: Site, plan: RewirePlan) -> None:
    """Make rules on a Linux gateway, EIP:9011 to each broker's 9011, and tell clients the EIPs.

    The rules stand in a table and a unit of their own and are there again after a reboot; other
    rules of the gateway are not touched. No broker restarts. Every EIP is asked from outside:
    unless the right broker answers at each, all is put back. Safe to run again: missing rules are
    made again.
    """
    wishes = (plan.before, plan.prepared, plan.after)
    rules, no_rules = opening(*wishes), ending(*wishes)
    hidden = any(wish.access.unlimited for wish in wishes)

    def ways(site: Site, instance: Instance) -> None:
        if hidden:  # a gateway that masquerades is one address for all clients behind it
            tell_address_limits(site, instance, instance.brokers)
        rules(site, instance)

    rewire(site, plan, ways, no_rules)
