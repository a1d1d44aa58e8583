"""modify-instance: name, description, project, group, tags, policies; and what needs a roll."""

from __future__ import annotations

from dataclasses import replace

from flows.domain.modification import ModificationPlan, ModifyInstance, plan_modification
from flows.instances.admission import to_modify
from flows.procedures.changing import AT_REST_OR_FAULTY, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.procedures.reshape import as_wished
from flows.procedures.roll import roll
from flows.steps.site import Site
from flows.steps.wishes import remember_wish

TRACES = TraceNames(
    accepted="modifyDMSInstanceInfoSuccess",
    refused="modifyDMSInstanceInfoFailure",
    done="modifyDMSInstanceInfoTaskSuccess",
    failed="modifyDMSInstanceInfoTaskFailure",
)
LIFE = replace(change_life(TRACES, begins_in=AT_REST_OR_FAULTY), subject=to_modify)


@operation(ModifyInstance, plan=plan_modification, run_name="modify instance {instance}", life=LIFE)
def modify_instance(site: Site, plan: ModificationPlan) -> None:
    """Modify what is said of an instance: name, description, project, tags, policy, protection.

    No broker restarts, but for automatic topic creation: then one after the other. What is left
    empty stays as it is; `clear` empties a text or the tags. With another name the id stays, and
    all that was made for the instance still works. Safe to run again: the second time there is
    nothing to do.
    """
    remember_wish(site, plan.wish)
    if plan.rolls:
        roll(site, plan, as_wished)
