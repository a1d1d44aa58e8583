"""restart-instance: the request, and the plan of which brokers are still to be restarted.

A restart is a wish too: a request raises the generation for which brokers are to be started,
unless one that was cut off is left to finish. A host notes for which generation its broker was
started, so no broker is restarted twice for one request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from flows.domain.errors import Refused, refusal
from flows.domain.impact import check_at_risk, closing_steps, felt_with, impact_on
from flows.domain.instance import Broker, Instance
from flows.domain.plan import PlannedStep
from flows.domain.progress import expected
from flows.domain.rolling import AtRisk, RollPlan, RollRequest, serves
from flows.domain.wish import Wish


class RestartMode(StrEnum):
    """One broker after the other, or all of them at once."""

    ROLLING = "rolling"
    FULL = "full"


class RestartInstance(RollRequest):
    """Restart the brokers' processes, never the machines."""

    manner_fields: ClassVar[tuple[str, ...]] = (*RollRequest.manner_fields, "mode")

    mode: RestartMode = Field(
        default=RestartMode.ROLLING,
        title="Mode",
        description="rolling: one broker after the other, clients hardly feel it; full: all at "
        "once, nobody is served meanwhile.",
    )
    broker: int | None = Field(
        default=None,
        title="Broker",
        description="Id of the only broker to restart. Empty: all of them.",
    )
    confirm: str = Field(
        default="",
        title="Confirm",
        description="For a full restart the name of the instance, once more.",
    )

    @field_validator("mode", mode="before")
    @classmethod
    def _known_mode(cls, value: object) -> object:
        accepted = [str(member) for member in RestartMode]
        if str(value) not in accepted:
            raise refusal("mode", str(value), f"accepted are {', '.join(accepted)}")
        return value

    @field_validator("broker", mode="before")
    @classmethod
    def _empty_is_all(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _one_way(self) -> RestartInstance:
        if self.mode is RestartMode.FULL and self.broker is not None:
            raise Refused(
                f"broker {self.broker}: a full restart is of all brokers; leave it empty, or "
                "choose mode rolling"
            )
        return self


@dataclass(frozen=True)
class RestartPlan(RollPlan):
    """A roll that changes nothing but the processes."""

    mode: RestartMode = field(default=RestartMode.ROLLING, kw_only=True)


def plan_restart(instance: Instance, request: RestartInstance) -> RestartPlan:
    """The brokers that were not started for this request yet, and the wish that says so."""
    _check_broker(instance, request.broker)
    _check_confirmed(instance, request)
    check_answering(instance)
    wish = instance.wish if instance.change_is_open else raised(instance, request.broker)
    due = tuple(broker for broker in instance.brokers if is_due(broker, wish))
    numbers = tuple(broker.id for broker in due)
    felt = impact_on(instance, numbers)
    # Whoever stops all brokers at once raises nothing.
    choice = request.at_risk if request.mode is RestartMode.ROLLING else AtRisk.ACCEPT
    check_at_risk(felt, choice, len(instance.brokers))
    steps = [_step(broker, wish, request.mode) for broker in due]
    told = felt_with(felt, choice).sentences
    return RestartPlan(
        f"Restart instance {instance.name}",
        (*steps, *closing_steps(instance, felt, choice)),
        (*told, expected(len(numbers), instance.seconds_per_broker)),
        instance=instance,
        wish=wish,
        due=numbers,
        at_risk=choice,
        stall_budget=request.stall_budget,
        pace=request.pace,
        mode=request.mode,
    )


def raised(instance: Instance, only: int | None = None) -> Wish:
    """The wish with a generation that no host has noted yet."""
    noted = [broker.host.started_generation for broker in instance.brokers if broker.host]
    wished = [instance.wish.generation_of(broker.id) for broker in instance.brokers]
    generation = 1 + max([*noted, *wished])
    if only is None:
        change = {"start_generation": generation, "broker_generations": ()}
    else:
        own = {**dict(instance.wish.broker_generations), only: generation}
        change = {"broker_generations": tuple(sorted(own.items()))}
    return instance.wish.model_copy(update=change)


def is_due(broker: Broker, wish: Wish) -> bool:
    """Whether a broker is yet to be started for the wish; one that does not serve is."""
    if broker.host is None:
        return True
    return broker.host.started_generation < wish.generation_of(broker.id) or not serves(broker)


def _step(broker: Broker, wish: Wish, mode: RestartMode) -> PlannedStep:
    words = "stop Kafka and start it again" if serves(broker) else "start Kafka, which is down"
    words += " at the same time as the others" if mode is RestartMode.FULL else ""
    return PlannedStep(
        f"broker {broker.id}", words, f"generation {wish.generation_of(broker.id)} {mode}"
    )


def _check_broker(instance: Instance, number: int | None) -> None:
    known = [broker.id for broker in instance.brokers]
    if number is not None and number not in known:
        names = ", ".join(str(each) for each in known)
        raise refusal("broker", number, f"the brokers of {instance.name} are {names}")


def _check_confirmed(instance: Instance, request: RestartInstance) -> None:
    if request.mode is RestartMode.FULL and request.confirm != instance.name:
        rule = f'for a full restart the name of the instance, "{instance.name}", is accepted'
        raise refusal("confirm", request.confirm, rule)


def check_answering(instance: Instance) -> None:
    """Refuses to roll over an instance of which a machine does not answer."""
    for broker in instance.brokers:
        if broker.host is None:
            machine = broker.machine.name if broker.machine else "(none)"
            raise refusal(
                "instance",
                instance.name,
                f"the machine {machine} of broker {broker.id} does not answer over SSH, so nobody "
                "knows what runs there; bring it back, or replace the broker",
            )
