"""drop-old-addresses: what was kept for clients that were told of it is closed."""

from __future__ import annotations

from flows.domain.instance import Instance
from flows.domain.old_addresses import DropOldAddresses, OldAddressesPlan, plan_dropping
from flows.procedures.changing import AT_REST, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.procedures.rewire import drop_old
from flows.steps.access import release_eips
from flows.steps.dnat import ending
from flows.steps.site import Site

TRACES = TraceNames(
    accepted="dropOldAddressesSuccess",
    refused="dropOldAddressesFailure",
    done="dropOldAddressesTaskSuccess",
    failed="dropOldAddressesTaskFailure",
)


@operation(
    DropOldAddresses,
    plan=plan_dropping,
    run_name="drop old addresses of {instance}",
    life=change_life(TRACES, begins_in=AT_REST),
)
def drop_old_addresses(site: Site, plan: OldAddressesPlan) -> None:
    """Close the ways that were replaced. The schedule does it when their time is over.

    Clients that still come by them are cut off; their next metadata names the new addresses. No
    broker restarts.
    """
    rules = ending(plan.instance.wish, plan.instance.settled_wish or plan.instance.wish)

    def ended(site: Site, instance: Instance) -> None:
        release_eips(site, instance)
        rules(site, instance)

    drop_old(site, plan.instance, ended)
