"""set-endpoints: what brokers advertise on 9011, changed while clients work."""

from __future__ import annotations

from dataclasses import replace

from flows.access.subjects import to_set_endpoints
from flows.domain.endpoints import SetEndpoints, plan_endpoints
from flows.domain.rewiring import RewirePlan
from flows.procedures.changing import AT_REST, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.procedures.rewire import rewire
from flows.steps.dnat import ending, opening
from flows.steps.site import Site

TRACES = TraceNames(
    accepted="modifyAdvertisedIpSuccess",
    refused="modifyAdvertisedIpFailure",
    done="modifyAdvertisedIpTaskSuccess",
    failed="modifyAdvertisedIpTaskFailure",
)
LIFE = replace(change_life(TRACES, begins_in=AT_REST), subject=to_set_endpoints)


@operation(SetEndpoints, plan=plan_endpoints, run_name="set endpoints of {instance}", life=LIFE)
def set_endpoints(site: Site, plan: RewirePlan) -> None:
    """Set the address of each broker on port 9011, for clients behind endpoint services.

    No broker restarts, and clients go on. Every address is asked from the clients' network before
    and after they are told of it: unless the right broker answers at each, all is put back. Safe
    to run again: what is told already is only looked at.
    """
    wishes = (plan.before, plan.prepared, plan.after)
    rewire(site, plan, opening(*wishes), ending(*wishes))
