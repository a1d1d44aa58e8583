"""delete-instance: the instance goes with its data, addresses, certificates and secrets."""

from __future__ import annotations

from flows.domain.deletion import DeleteInstance, DeletionPlan, plan_deletion
from flows.domain.instance import Status
from flows.instances.admission import existing
from flows.instances.removal import remove
from flows.procedures.operation import Life, Statuses, operation
from flows.procedures.remembering import TraceNames
from flows.steps.site import Site


def stay_deleting(site: Site) -> Status:
    """A deletion that gave up keeps the name; running it again finishes it."""
    site.stage.say("the instance stays in Deleting; run delete-instance again to finish")
    return Status.DELETING


# The guide names requests to delete only for lists of instances; one instance is a list of one.
LIFE = Life(
    subject=existing,
    statuses=Statuses(during=Status.DELETING, after=Status.DELETED),
    traces=TraceNames(
        accepted="batchDeleteDMSInstanceSuccess",
        refused="batchDeleteDMSInstanceFailure",
        done="deleteDMSInstanceTaskSuccess",
        failed="deleteDMSInstanceTaskFailure",
    ),
    give_up=stay_deleting,
)


@operation(DeleteInstance, plan=plan_deletion, run_name="delete instance {instance}", life=LIFE)
def delete_instance(site: Site, plan: DeletionPlan) -> None:
    """Delete an instance with its data, machines, addresses, certificates and secrets.

    Asks for the name of the instance as confirmation. Safe to run again: a deletion that was
    interrupted goes on; an instance that only history knows is "nothing to do".
    """
    remove(site, plan.instance)
