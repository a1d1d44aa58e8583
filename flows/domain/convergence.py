"""converge-access: the request, and the differences that it puts right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from flows.domain.drift import drift_of
from flows.domain.errors import Refused
from flows.domain.instance import Instance
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.restart import check_answering


class ConvergeAccess(InstanceRequest):
    """Make the ways of clients as they are wished, wherever check-access shows another state."""

    looks_at_ways: ClassVar[bool] = True


@dataclass(frozen=True)
class ConvergencePlan(Plan):
    """The instance as it is wished."""

    instance: Instance = field(kw_only=True)


def plan_convergence(instance: Instance, request: ConvergeAccess) -> ConvergencePlan:
    """A step for each difference; Refused while a machine or a broker is down."""
    found = drift_of(instance)
    steps = tuple(
        PlannedStep(each.place, f"{each.what}: {each.wished} instead of {each.found}",
                    f"{each.what} {each.wished}")
        for each in found if each.mendable
    )  # fmt: skip
    if steps:
        check_answering(instance)
        _check_running(instance)
    warnings = tuple(each.words for each in found if not each.mendable)
    title = f"Converge access of {instance.name}"
    return ConvergencePlan(title, steps, warnings, instance=instance)


def _check_running(instance: Instance) -> None:
    told = instance.cluster.told if instance.cluster else {}
    for broker in instance.brokers:
        if broker.id not in told:
            raise Refused(
                f'instance "{instance.name}": broker {broker.id} does not run, so it cannot be '
                "told anything; restart-instance starts it"
            )
