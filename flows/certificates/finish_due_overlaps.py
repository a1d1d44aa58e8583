"""finish-due-overlaps: the end of every overlap whose date has come, asked for each day."""

from __future__ import annotations

from flows.certificates.finish_certificate_overlap import finish_certificate_overlap
from flows.domain.errors import EffectFailed, ServiceError, Superseded
from flows.domain.health import SWEPT
from flows.domain.overlap_ends import FinishDueOverlaps, OverlapEnds, plan_overlap_ends
from flows.procedures.conduct import conduct
from flows.procedures.operation import Outcome
from flows.procedures.remembering import TraceNames
from flows.procedures.service import service_operation
from flows.steps.site import Doors, Service

# The guide knows no overlap of authorities.
TRACES = TraceNames(
    accepted="finishDMSInstanceDueOverlapsSuccess",
    refused="finishDMSInstanceDueOverlapsFailure",
    done="finishDMSInstanceDueOverlapsTaskSuccess",
    failed="finishDMSInstanceDueOverlapsTaskFailure",
)


def plan(doors: Doors, request: FinishDueOverlaps) -> OverlapEnds:
    """The instances at rest whose date has come."""
    living = doors.records.living()
    at_rest = [row.wish for row in living if row.status in SWEPT]
    busy = [row.wish for row in living if row.status not in SWEPT]
    return plan_overlap_ends(at_rest, busy, doors.clock.now())


@service_operation(FinishDueOverlaps, plan=plan, run_name="finish due overlaps", traces=TRACES)
def finish_due_overlaps(service: Service, plan: OverlapEnds) -> Outcome:
    """Finish every overlap of authorities whose date has come, one instance after the other.

    An instance that fails does not keep the others from it. Safe to run again.
    """
    failed = [words for name in plan.due if (words := _failure(service, name))]
    if failed:
        raise EffectFailed("; ".join(failed))
    return Outcome(f"Finished: {', '.join(plan.due)}", True, {"finished": list(plan.due)})


def _failure(service: Service, name: str) -> str:
    """Why its overlap goes on; nothing when it has ended."""
    try:
        conduct(finish_certificate_overlap, service.doors, {"instance": name},
                service.caller, service.stage)  # fmt: skip
    except Superseded:
        raise
    except ServiceError as failure:
        return f"{name}: {failure}"
    return ""
