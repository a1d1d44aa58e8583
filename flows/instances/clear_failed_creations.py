"""clear-failed-creations: creations that gave up leave their list (SPEC 1.1)."""

from __future__ import annotations

from flows.domain.operation_records import (
    ClearFailedCreations,
    ForgettingPlan,
    plan_forgetting,
)
from flows.domain.operations import is_failed_creation
from flows.procedures.operation import Outcome
from flows.procedures.remembering import TraceNames
from flows.procedures.service import service_operation
from flows.steps.history import forget, reasons
from flows.steps.site import Doors, Service

TITLE = "Clear failed creations"
TRACES = TraceNames(
    accepted="deleteDMSCreateFailureInstances",
    refused="deleteDMSCreateFailureInstancesFailure",
    done="deleteDMSCreateFailureInstancesSuccess",
    failed="deleteDMSCreateFailureInstancesFailure",
)


def plan(doors: Doors, request: ClearFailedCreations) -> ForgettingPlan:
    """The failed creations that are asked for, as far as nothing of them is left to remove."""
    failed = [row for row in doors.records.history(None) if is_failed_creation(row)]
    chosen = [row for row in failed if request.means(row)]
    return plan_forgetting(TITLE, chosen, reasons(doors), named=not request.all)


@service_operation(
    ClearFailedCreations, plan=plan, run_name="clear failed creations", traces=TRACES
)
def clear_failed_creations(service: Service, plan: ForgettingPlan) -> Outcome:
    """Clear failed creations from their list, by name or all at once.

    One whose machines could not be removed stays until delete-instance has finished that. The
    audit keeps its traces. Safe to run again.
    """
    gone = forget(service, plan.rows)
    names = [row.instance_name for row in plan.rows]
    return Outcome(plan.ended(f"{gone} cleared"), changed=gone > 0, result={"cleared": names})
