"""remove-dnat: the rules on the gateways go, and with them the way of clients by EIPs of theirs."""

from __future__ import annotations

from flows.access.set_dnat import TRACES
from flows.domain.rewiring import RewirePlan
from flows.domain.translating import RemoveDnat, gateways_with_rules, plan_dnat_removal, speaking_of
from flows.procedures.changing import AT_REST, change_life
from flows.procedures.operation import operation
from flows.procedures.rewire import rewire
from flows.steps.dnat import ending
from flows.steps.site import Site


@operation(
    RemoveDnat,
    plan=plan_dnat_removal,
    run_name="remove DNAT of {instance}",
    life=change_life(TRACES, begins_in=AT_REST),
)
def remove_dnat(site: Site, plan: RewirePlan) -> None:
    """Take every rule of the instance away from its gateways; their EIPs are free again.

    Port 9011 is closed when clients were told these EIPs: they cannot come in any more. Addresses
    of endpoints stay. No broker restarts.
    """
    every = speaking_of(plan.after, gateways_with_rules(plan.instance))
    rewire(site, plan, ended=ending(plan.before, plan.prepared, plan.after, every))
