"""delete-instance: the request, and the plan of what is still there."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field

from flows.domain.errors import refusal
from flows.domain.instance import Broker, Instance, Status
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest

DELETABLE = (
    Status.RUNNING,
    Status.FAULTY,
    Status.CREATING,
    Status.CHANGE_FAILED,
    Status.DELETING,
)
"""Statuses from which an instance can go when no operation is alive (SPEC 1.2)."""


class DeleteInstance(InstanceRequest):
    """Take an instance away with its data, addresses, rules, certificates and secrets."""

    confirm: str = Field(
        title="Confirm",
        description="The name of the instance, once more: its data cannot be brought back.",
    )


@dataclass(frozen=True)
class DeletionPlan(Plan):
    """What is still there of an instance."""

    instance: Instance = field(kw_only=True)


def plan_deletion(instance: Instance, request: DeleteInstance) -> DeletionPlan:
    """What will be taken away; Refused without the right confirmation or status."""
    title = f"Delete instance {instance.name}"
    if instance.status is Status.DELETED:
        return DeletionPlan(title, instance=instance)
    if request.confirm != instance.name:
        raise refusal("confirm", request.confirm, f'the name of the instance, "{instance.name}"')
    if instance.status not in DELETABLE:
        accepted = ", ".join(DELETABLE)
        raise refusal("instance", f"{instance.name} ({instance.status})", f"accepted: {accepted}")
    steps = [_machine_step(broker) for broker in instance.brokers if broker.machine is not None]
    secrets = PlannedStep("instance", "forget its secrets and certificates", instance.id)
    return DeletionPlan(title, (*steps, secrets), instance=instance)


def _machine_step(broker: Broker) -> PlannedStep:
    name = broker.machine.name if broker.machine else ""
    return PlannedStep(f"broker {broker.id}", f"remove machine {name} with its data", name)
