"""set-mutual-tls: clients show a certificate instead of a password, or the other way round."""

from __future__ import annotations

from flows.domain.mutual_tls import MutualTlsPlan, SetMutualTls, plan_mutual_tls
from flows.domain.users import settled
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.relisten import relisten
from flows.procedures.remembering import TraceNames
from flows.steps.mutual_tls import tell_who_was_connected
from flows.steps.site import Site
from flows.steps.users import with_wish
from flows.steps.wishes import remember_wish

TRACES = TraceNames(
    accepted="modifyDMSInstanceInfoSuccess",
    refused="modifyDMSInstanceInfoFailure",
    done="modifyDMSInstanceInfoTaskSuccess",
    failed="modifyDMSInstanceInfoTaskFailure",
)


@operation(
    SetMutualTls,
    plan=plan_mutual_tls,
    run_name="switch mutual TLS of {instance} {mutual_tls}",
    life=change_life(TRACES),
)
def set_mutual_tls(site: Site, plan: MutualTlsPlan) -> None:
    """Switch mutual TLS on or off: on the same ports, without a restart of any broker.

    On: clients use security.protocol=SSL and show a certificate of the instance's authority, whose
    common name is the user that permissions see; nobody else is let in. Off: they log in with a
    password again. Either way all connections of clients end, and every client has to change at
    once: whoever is connected is named in the plan, and has to be confirmed. Safe to run again.
    """
    tell_who_was_connected(site, plan.instance.clients)
    remember_wish(site, plan.wish)
    relisten(site, with_wish(plan), settled(plan.instance))
