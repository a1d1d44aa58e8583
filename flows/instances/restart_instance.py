"""restart-instance: the brokers' processes start anew, one after the other."""

from __future__ import annotations

from flows.domain.instance import Status
from flows.domain.restart import RestartInstance, RestartMode, RestartPlan, plan_restart
from flows.procedures.changing import AT_REST_OR_FAULTY, change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.procedures.reshape import with_its_names
from flows.procedures.roll import restart_at_once, roll
from flows.steps.site import Site
from flows.steps.wishes import remember_wish

LIFE = change_life(
    TraceNames(
        accepted="restartDMSInstanceSuccess",
        refused="restartDMSInstanceFailure",
        done="restartDMSInstanceTaskSuccess",
        failed="restartDMSInstanceTaskFailure",
    ),
    begins_in=AT_REST_OR_FAULTY,
    during=Status.RESTARTING,
)


@operation(RestartInstance, plan=plan_restart, run_name="restart instance {instance}", life=LIFE)
def restart_instance(site: Site, plan: RestartPlan) -> None:
    """Restart the brokers of an instance, one after the other, so that clients hardly feel it.

    Processes only, never machines. Each request is a restart; one that was cut off is finished by
    the next request, and no broker is restarted twice for it. A full restart stops all brokers at
    once and asks for the name of the instance as confirmation. Certificates lose the names that
    clients come by no more.
    """
    remember_wish(site, plan.wish)
    if plan.mode is RestartMode.FULL:
        restart_at_once(site, plan, with_its_names)
    else:
        roll(site, plan, with_its_names)
