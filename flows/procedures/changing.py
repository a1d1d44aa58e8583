"""What all changes of a living instance have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.domain.errors import EffectFailed
from flows.domain.instance import Status
from flows.procedures.operation import Life, Statuses, Subject
from flows.procedures.remembering import TraceNames
from flows.procedures.subjects import living
from flows.steps.site import Doors, Site

# The guide has one name for all that changes how large an instance is; smaller is traced alike.
EXTENDED = TraceNames(
    accepted="extendDMSInstanceSuccess",
    refused="extendDMSInstanceFailure",
    done="extendDMSInstanceTaskSuccess",
    failed="extendDMSInstanceTaskFailure",
)
AT_REST = frozenset({Status.RUNNING})
AT_REST_OR_FAULTY = frozenset({Status.RUNNING, Status.FAULTY})


def leave_change_failed(site: Site) -> Status:
    """A change that gave up is left as it stands; the same request or a roll-back goes on.

    One that gave up before its first effect leaves the instance at rest.
    """
    row = site.records.find(site.instance_id)
    if row is None:
        raise EffectFailed(f"instance {site.instance_id} is not in the records any more")
    if row.status in AT_REST_OR_FAULTY:
        return row.status
    site.stage.say("the change stands where it failed; ask for the same again to finish it")
    return Status.CHANGE_FAILED


def change_life(
    traces: TraceNames,
    begins_in: frozenset[Status] = AT_REST,
    during: Status = Status.CHANGING,
    subject: Callable[[Doors, Any], Subject] = living,
) -> Life:
    """The life of an operation that changes a living instance and leaves it Running."""
    return Life(
        subject=subject,
        statuses=Statuses(during=during, after=Status.RUNNING),
        traces=traces,
        give_up=leave_change_failed,
        begins_in=begins_in,
    )
