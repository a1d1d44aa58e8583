"""delete-instance: the instance goes with its data, addresses, certificates and secrets."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.deletion import DeleteInstance, DeletionPlan, plan_deletion
from flows.domain.instance import Status
from flows.instances.admission import existing
from flows.instances.removal import remove
from flows.procedures.operation import Operation, Statuses
from flows.procedures.remembering import TraceNames


def carry_out(site: Site, plan: DeletionPlan) -> None:
    """Delete an instance with its data, machines, addresses, certificates and secrets.

    Asks for the name of the instance as confirmation. Safe to run again: a deletion that was
    interrupted goes on; an instance that only history knows is "nothing to do".
    """
    remove(site, plan.instance)


def stay_deleting(site: Site) -> Status:
    """A deletion that gave up keeps the name; running it again finishes it."""
    site.stage.say("the instance stays in Deleting; run delete-instance again to finish")
    return Status.DELETING


delete_instance = Operation(
    name="delete-instance",
    title="Delete instance",
    request=DeleteInstance,
    subject=existing,
    plan=plan_deletion,
    procedure=carry_out,
    statuses=Statuses(during=Status.DELETING, after=Status.DELETED),
    traces=TraceNames(
        accepted="deleteDMSInstanceTaskAccepted",
        refused="deleteDMSInstanceTaskFailure",
        done="deleteDMSInstanceTaskSuccess",
        failed="deleteDMSInstanceTaskFailure",
    ),
    run_words="delete instance {instance}",
    give_up=stay_deleting,
)
