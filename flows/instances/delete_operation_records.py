"""delete-operation-records: finished operations leave the history (SPEC 1.8)."""

from __future__ import annotations

from flows.domain.moments import read_period
from flows.domain.operation_records import (
    DeleteOperationRecords,
    ForgettingPlan,
    plan_forgetting,
)
from flows.procedures.operation import Outcome
from flows.procedures.remembering import TraceNames
from flows.procedures.service import service_operation
from flows.steps.history import forget, reasons
from flows.steps.site import Doors, Service

TITLE = "Delete operation records"
TRACES = TraceNames(
    accepted="deleteDMSBackendJob",
    refused="deleteDMSBackendJobFailure",
    done="deleteDMSBackendJobSuccess",
    failed="deleteDMSBackendJobFailure",
)


def plan(doors: Doors, request: DeleteOperationRecords) -> ForgettingPlan:
    """The records that are named, or all finished ones that match the filter."""
    period = read_period(request.since, request.until, doors.clock.now())
    history = doors.records.history(request.instance or None)
    chosen = [
        row
        for row in history
        if (row.epoch in request.numbers if request.numbers else period.holds(row.started))
    ]
    return plan_forgetting(TITLE, chosen, reasons(doors), named=bool(request.numbers))


@service_operation(
    DeleteOperationRecords, plan=plan, run_name="delete operation records", traces=TRACES
)
def delete_operation_records(service: Service, plan: ForgettingPlan) -> Outcome:
    """Delete records of finished operations: by number, or by instance and time.

    Those that run, and those that their instance still needs, stay; named by number they are
    refused. The audit keeps its traces. Safe to run again.
    """
    gone = forget(service, plan.rows)
    numbers = [row.epoch for row in plan.rows]
    return Outcome(plan.ended(f"{gone} deleted"), changed=gone > 0, result={"deleted": numbers})
