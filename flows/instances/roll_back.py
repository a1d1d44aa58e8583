"""roll-back: a change that was cut off or failed is taken back."""

from __future__ import annotations

from dataclasses import replace

from flows.domain.mutual_tls import speaking_otherwise
from flows.domain.rollback import RollBack, RollBackPlan, plan_rollback
from flows.procedures.admission import CUT_OFF
from flows.procedures.changing import change_life
from flows.procedures.give_back import give_back
from flows.procedures.operation import operation
from flows.procedures.recertify import serve_before
from flows.procedures.relisten import relisten
from flows.procedures.remembering import TraceNames
from flows.procedures.reroll import serves_its_stores
from flows.procedures.reshape import as_wished
from flows.procedures.roll import roll
from flows.steps.certificates import forget_taken_back
from flows.steps.site import Site
from flows.steps.wishes import remember_wish

# The guide has no way back; what is traced is a modification of the instance.
LIFE = change_life(
    TraceNames(
        accepted="modifyDMSInstanceInfoSuccess",
        refused="modifyDMSInstanceInfoFailure",
        done="modifyDMSInstanceInfoTaskSuccess",
        failed="modifyDMSInstanceInfoTaskFailure",
    ),
    begins_in=frozenset(CUT_OFF),
)


@operation(RollBack, plan=plan_rollback, run_name="roll back the change of {instance}", life=LIFE)
def roll_back(site: Site, plan: RollBackPlan) -> None:
    """Take back a change that was cut off or failed: the instance is again as it was before.

    Only brokers that were already changed are restarted, one after the other. After a restart
    that failed whoever is down is started, and nothing else happens. Client listeners get back the
    protocol and the certificates that they had, without a restart where none was needed, and
    clients the addresses that they were told before, also when a gateway does not answer any more.
    A disk that has grown, or a broker that was added, has no way back: ask for the same change
    again to finish it.
    """
    before = plan.as_wished
    remember_wish(site, plan.wish)
    if speaking_otherwise(plan.instance, plan.wish):
        relisten(site, before, plan.wish)
    if plan.certificates_return:
        _return_certificates(site, plan)
    elif plan.due or not plan.wish.access.returning:
        roll(site, plan, as_wished)
    if plan.wish.access.returning:
        give_back(site, before)


def _return_certificates(site: Site, plan: RollBackPlan) -> None:
    """Brokers serve what they did before; those that were started for other ones start again."""
    before = plan.as_wished
    serve_before(site, before, plan.as_begun, plan.again)
    # The probe has to believe what is taken back as well: brokers may still serve it.
    roll(site, replace(plan, instance=before), as_wished, serves_its_stores)
    forget_taken_back(site, plan.as_begun, before)
