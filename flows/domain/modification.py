"""modify-instance: what people say about an instance, and settings that need a roll.

Only automatic topic creation is a setting that brokers read when they start: a change of it
raises the generation for which they are to be started. All else touches no broker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from flows.domain.choices import Switch, choice
from flows.domain.creation import AddressList
from flows.domain.errors import Refused, refusal
from flows.domain.impact import check_at_risk, closing_steps, felt_with, impact_on
from flows.domain.instance import Instance
from flows.domain.names import check_instance_name
from flows.domain.plan import PlannedStep
from flows.domain.restart import check_answering, is_due, raised
from flows.domain.rolling import RollPlan, RollRequest
from flows.domain.tags import parse_tags, tags_after
from flows.domain.wish import GENERATIONS, CapacityPolicy, Wish

CLEARABLE = ("description", "enterprise_project", "tags")
"""Fields that can be emptied."""

_ASKED = (
    "name", "description", "enterprise_project", "security_group", "tags", "add_tags",
    "remove_tags", "capacity_policy", "delete_protection", "auto_create_topics",
    "renew_automatically", "clear",
)  # fmt: skip

Policy = Annotated[CapacityPolicy | None, choice(CapacityPolicy, "capacity_policy", optional=True)]
Protection = Annotated[Switch | None, choice(Switch, "delete_protection", optional=True)]
Renewing = Annotated[Switch | None, choice(Switch, "renew_automatically", optional=True)]
AutoCreate = Annotated[Switch | None, choice(Switch, "auto_create_topics", optional=True)]


class ModifyInstance(RollRequest):
    """What shall be said of an instance from now on; what is left empty stays as it is."""

    name: str = Field(
        default="",
        title="New name",
        description="4 to 64 letters, digits, - and _, the first one a letter; the id stays. "
        "Empty: unchanged.",
    )
    description: str = Field(
        default="",
        title="Description",
        description="Free text. Empty: unchanged; see Clear.",
    )
    enterprise_project: str = Field(
        default="",
        title="Enterprise project",
        description="Name of a project, free text. Empty: unchanged; see Clear.",
    )
    security_group: str = Field(
        default="",
        title="Security group",
        description="One that the provider of the machines has. Empty: unchanged.",
    )
    tags: str = Field(
        default="",
        title="Tags",
        description="key=value,key=value: all tags from now on, at most 20. Empty: unchanged.",
    )
    add_tags: str = Field(
        default="",
        title="Add tags",
        description="key=value,key=value: added to those there are; a known key gets the value.",
    )
    remove_tags: AddressList = Field(
        default=(),
        title="Remove tags",
        description="Keys of tags that shall go, separated by commas.",
    )
    capacity_policy: Policy = Field(
        default=None,
        title="Capacity policy",
        description="What happens at 95 % disk use. Recorded, not yet enforced. Empty: unchanged.",
    )
    delete_protection: Protection = Field(
        default=None,
        title="Delete protection",
        description="On: delete-instance is refused. Empty: unchanged.",
    )
    auto_create_topics: AutoCreate = Field(
        default=None,
        title="Automatic topic creation",
        description="On: topics appear when first used. Restarts the brokers, one after the "
        "other. Empty: unchanged.",
    )
    renew_automatically: Renewing = Field(
        default=None,
        title="Automatic renewal",
        description="On: certificates that end within 30 days are renewed each night, without a "
        "restart. Empty: unchanged.",
    )
    clear: AddressList = Field(
        default=(),
        title="Clear",
        description=f"Fields to be emptied, separated by commas: {', '.join(CLEARABLE)}.",
    )

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if name:
            check_instance_name(name)
        return name

    @model_validator(mode="after")
    def _rules(self) -> ModifyInstance:
        _check_clear(self)
        parse_tags(self.tags)
        parse_tags(self.add_tags, "add_tags")
        if self.tags and (self.add_tags or self.remove_tags):
            raise refusal("tags", self.tags, "add_tags and remove_tags change those there are; "
                          "give either all tags or changes to them")  # fmt: skip
        if not any(getattr(self, name) for name in _ASKED):
            raise Refused(f"request: it asks for nothing; give one of {', '.join(_ASKED)}")
        return self


def _check_clear(request: ModifyInstance) -> None:
    for name in request.clear:
        if name not in CLEARABLE:
            raise refusal("clear", name, f"accepted are {', '.join(CLEARABLE)}")
        if getattr(request, name) or (name == "tags" and request.add_tags):
            raise refusal("clear", name, "a value is given for it as well; one of the two, please")


@dataclass(frozen=True)
class ModificationPlan(RollPlan):
    """The wish that the instance shall have, what is different in it, and who restarts for it."""

    rolls: bool = field(default=False, kw_only=True)


def plan_modification(instance: Instance, request: ModifyInstance) -> ModificationPlan:
    """What is said differently from now on, and the brokers that are still to restart for it."""
    wish = modified(instance.wish, request)
    if wish.auto_create_topics != instance.wish.auto_create_topics:
        check_answering(instance)
        generation = raised(instance).start_generation
        wish = wish.model_copy(update={"start_generation": generation, "broker_generations": ()})
    before = instance.settled_wish or instance.wish
    rolls = wish.start_generation != before.start_generation
    due = tuple(each.id for each in instance.brokers if rolls and is_due(each, wish))
    felt = impact_on(instance, due)
    check_at_risk(felt, request.at_risk, len(instance.brokers))
    closing = closing_steps(instance, felt, request.at_risk)
    changes = tuple(_changes(instance.wish, wish))
    return ModificationPlan(
        f"Modify instance {instance.name}",
        (*changes, *((*_restarts(due), *closing) if rolls else ())),
        (*_warnings(changes), *felt_with(felt, request.at_risk).sentences),
        instance=instance,
        wish=wish,
        due=due,
        at_risk=request.at_risk,
        stall_budget=request.stall_budget,
        pace=request.pace,
        rolls=rolls,
    )


def _restarts(due: tuple[int, ...]) -> Iterator[PlannedStep]:
    for number in due:
        yield PlannedStep(f"broker {number}", "stop Kafka and start it again", "restart")


def _warnings(changes: Iterable[PlannedStep]) -> tuple[str, ...]:
    warned = any(step.subject == "capacity_policy" for step in changes)
    return ("capacity_policy: recorded, not yet enforced",) if warned else ()


def modified(wish: Wish, request: ModifyInstance) -> Wish:
    """The wish with what the request says in it; Refused for more tags than there may be."""
    said: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("name", "description", "enterprise_project", "security_group",
                     "capacity_policy")
        if getattr(request, name)
    }  # fmt: skip
    if request.renew_automatically is not None:
        said["renew_automatically"] = request.renew_automatically is Switch.ON
    if request.delete_protection is not None:
        said["delete_protection"] = request.delete_protection is Switch.ON
    if request.auto_create_topics is not None:
        said["auto_create_topics"] = request.auto_create_topics is Switch.ON
    tags = _tags(wish, request)
    if dict(tags) != dict(wish.tags):
        said["tags"] = tags
    cleared = {name: "" for name in request.clear if name != "tags"}
    return wish.model_copy(update={**said, **cleared})


def _tags(wish: Wish, request: ModifyInstance) -> tuple[tuple[str, str], ...]:
    if request.tags:
        return parse_tags(request.tags)
    present = () if "tags" in request.clear else wish.tags
    return tags_after(present, parse_tags(request.add_tags, "add_tags"), request.remove_tags)


def _changes(before: Wish, after: Wish) -> Iterator[PlannedStep]:
    for name in [each for each in Wish.model_fields if each not in GENERATIONS]:
        old, new = _text(getattr(before, name)), _text(getattr(after, name))
        if old != new:
            yield PlannedStep(name, f"{old or 'nothing'} becomes {new or 'nothing'}", new)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join("=".join(map(str, pair)) for pair in value)
    return str(value)
