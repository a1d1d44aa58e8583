"""delete-instance: the request, and the plan of what is still there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import Field

from flows.domain.errors import refusal
from flows.domain.instance import Broker, Instance, Status
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.surroundings import Surroundings
from flows.domain.translating import gateways_of

DELETABLE = (
    Status.RUNNING,
    Status.FAULTY,
    Status.CREATING,
    Status.CHANGE_FAILED,
    Status.DELETING,
)
"""Statuses from which an instance can go when no operation is alive (SPEC 1.2)."""

PROTECTED = (Status.RUNNING, Status.FAULTY, Status.CHANGE_FAILED)
"""Statuses in which a protected instance stays."""


class DeleteInstance(InstanceRequest):
    """Take an instance away with its data, addresses, rules, certificates and secrets."""

    confirm: str = Field(
        title="Confirm",
        description="The name of the instance, once more: its data cannot be brought back.",
    )
    lift_protection: bool = Field(
        default=False,
        title="Lift protection",
        description="For a protected instance that is Change failed, which modify-instance cannot "
        "change: delete it all the same.",
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
    _check_protection(instance, request)
    around = instance.surroundings
    steps = [_machine_step(broker, around) for broker in instance.brokers if broker.machine]
    secrets = PlannedStep("instance", "forget its secrets and certificates", instance.id)
    return DeletionPlan(title, (*_rules_steps(instance), *steps, secrets), instance=instance)


def _rules_steps(instance: Instance) -> Iterator[PlannedStep]:
    for name in gateways_of(instance.wish):
        yield PlannedStep(f"gateway {name}", "take its rules of DNAT away", "none")


def _check_protection(instance: Instance, request: DeleteInstance) -> None:
    """What was never finished, or is going already, has nothing to protect."""
    if not instance.wish.delete_protection or instance.status not in PROTECTED:
        return
    how = f"lift that with modify-instance instance={instance.name} delete_protection=off"
    if instance.status is Status.CHANGE_FAILED:
        if request.lift_protection:
            return
        how = "finish what failed, or say lift_protection=true to delete it all the same"
    raise refusal("instance", instance.name, f"it is protected against deletion; {how}")


def _machine_step(broker: Broker, around: Surroundings | None) -> PlannedStep:
    name = broker.machine.name if broker.machine else ""
    kept = around is not None and around.keeps_machines
    words = f"clean the host of {name}" if kept else f"remove machine {name} with its data"
    return PlannedStep(f"broker {broker.id}", words, name)
