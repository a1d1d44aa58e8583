"""set-public-access: a listener for clients outside, by an EIP for each broker."""

from __future__ import annotations

from dataclasses import replace

from flows.access.subjects import to_set_public_access
from flows.domain.instance import Instance
from flows.domain.public_access import SetPublicAccess, plan_public_access
from flows.domain.rewiring import RewirePlan
from flows.procedures.changing import AT_REST, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.procedures.rewire import rewire
from flows.steps.access import lead_eips, release_eips
from flows.steps.connections import limit_connections
from flows.steps.site import Site

TRACES = TraceNames(
    accepted="modifyPublicAccessSuccess",
    refused="modifyPublicAccessFailure",
    done="modifyPublicAccessTaskSuccess",
    failed="modifyPublicAccessTaskFailure",
)
LIFE = replace(change_life(TRACES, begins_in=AT_REST), subject=to_set_public_access)


@operation(
    SetPublicAccess,
    plan=plan_public_access,
    run_name="set public access of {instance}",
    life=LIFE,
)
def set_public_access(site: Site, plan: RewirePlan) -> None:
    """Let clients outside the network in by an EIP for each broker, by other ones, or not at all.

    The listener 9094, or 9095 with SASL_SSL, is made and taken away while the brokers run; nobody
    at another listener feels it. Unless the right broker answers at each EIP, asked from outside,
    all is put back. Safe to run again.
    """
    rewire(site, plan, lead_eips, ended)


def ended(site: Site, instance: Instance) -> None:
    """Other EIPs are let go; the listener that was just made has its limit of connections.

    Kafka 2.3 forgets it for every new listener, as it does at a start.
    """
    release_eips(site, instance)
    limit_connections(site, instance, instance.brokers)
