"""rotate-internal-authority: brokers and the product get a new authority of their own."""

from __future__ import annotations

from flows.domain.internal_rotation import RotateInternalAuthority, RotationPlan, plan_rotation
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.procedures.rotate import rotate
from flows.steps.site import Site

# The guide's service does this behind its users' backs.
TRACES = TraceNames(
    accepted="rotateDMSInstanceInternalAuthoritySuccess",
    refused="rotateDMSInstanceInternalAuthorityFailure",
    done="rotateDMSInstanceInternalAuthorityTaskSuccess",
    failed="rotateDMSInstanceInternalAuthorityTaskFailure",
)


@operation(
    RotateInternalAuthority,
    plan=plan_rotation,
    run_name="rotate internal authority of {instance}",
    life=change_life(TRACES),
)
def rotate_internal_authority(site: Site, plan: RotationPlan) -> None:
    """Rotate the authority by which brokers and the product know each other; clients feel nothing.

    First everybody trusts the old one and the new one, then shows certificates of the new one, then
    trusts the new one alone. Live on 2.3.0 and 2.7.2; on 1.1.0 brokers restart one after the
    other in each of the three phases. Safe to run again: it goes on in the phase that was reached.
    """
    rotate(site, plan)
