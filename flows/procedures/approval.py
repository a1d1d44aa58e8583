"""Approvals: somebody looked at a plan, and only that one may be carried out."""

from __future__ import annotations

from dataclasses import dataclass

from flows.adapters.site import InstanceRow, Records
from flows.domain.errors import Refused
from flows.domain.instance import Status
from flows.domain.operations import OperationStatus
from flows.domain.plan import Plan

AT_REST = (Status.RUNNING, Status.FAULTY)
"""Statuses in which nothing that was begun is left to finish."""


@dataclass(frozen=True)
class Approval:
    """The hash of the plan that was approved for an operation; empty when none is needed."""

    operation: str
    approved_plan: str


def check_approval(records: Records, row: InstanceRow, approval: Approval, plan: Plan) -> None:
    """Refuses a plan that nobody approved, if approval was given to one.

    Approval belongs to the operation: once it was begun, the rest of its plan may be finished.
    """
    approved = approval.approved_plan
    if approved in ("", plan.digest) or _was_begun(records, row, approval):
        return
    raise not_approved(approved, plan)


def not_approved(approved: str, plan: Plan) -> Refused:
    """The refusal of a plan that is not the approved one."""
    return Refused(
        f'approved_plan "{approved}": the plan is {plan.digest} now; look at it with plan_only '
        "and approve that one"
    )


def _was_begun(records: Records, row: InstanceRow, approval: Approval) -> bool:
    """Whether the last operation that was cut off on the instance had this approval."""
    if row.status in AT_REST:
        return False
    for line in records.history(row.id):
        if line.status is OperationStatus.INTERRUPTED:
            given = str(line.request.get("approved_plan", ""))
            return Approval(line.operation, given) == approval
    return False
