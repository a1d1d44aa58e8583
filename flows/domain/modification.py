"""modify-instance: what people say about an instance, changed without touching its brokers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from flows.domain.choices import Switch, choice
from flows.domain.creation import AddressList
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance
from flows.domain.names import check_instance_name
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.tags import parse_tags, tags_after
from flows.domain.wish import CapacityPolicy, Wish

CLEARABLE = ("description", "enterprise_project", "tags")
"""Fields that can be emptied."""

_ASKED = (
    "name", "description", "enterprise_project", "security_group", "tags", "add_tags",
    "remove_tags", "capacity_policy", "delete_protection", "clear",
)  # fmt: skip

Policy = Annotated[CapacityPolicy | None, choice(CapacityPolicy, "capacity_policy", optional=True)]
Protection = Annotated[Switch | None, choice(Switch, "delete_protection", optional=True)]


class ModifyInstance(InstanceRequest):
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
class ModificationPlan(Plan):
    """The wish that the instance shall have, and what is different in it."""

    wish: Wish = field(kw_only=True)


def plan_modification(instance: Instance, request: ModifyInstance) -> ModificationPlan:
    """What is said differently from now on; no broker restarts for it."""
    wish = modified(instance.wish, request)
    steps = tuple(_changes(instance.wish, wish))
    warned = any(step.subject == "capacity_policy" for step in steps)
    warnings = ("capacity_policy: recorded, not yet enforced",) if warned else ()
    return ModificationPlan(f"Modify instance {instance.name}", steps, warnings, wish=wish)


def modified(wish: Wish, request: ModifyInstance) -> Wish:
    """The wish with what the request says in it; Refused for more tags than there may be."""
    said: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("name", "description", "enterprise_project", "security_group",
                     "capacity_policy")
        if getattr(request, name)
    }  # fmt: skip
    if request.delete_protection is not None:
        said["delete_protection"] = request.delete_protection is Switch.ON
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
    for name in Wish.model_fields:
        old, new = _text(getattr(before, name)), _text(getattr(after, name))
        if old != new:
            yield PlannedStep(name, f"{old or 'nothing'} becomes {new or 'nothing'}", new)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join("=".join(map(str, pair)) for pair in value)
    return str(value)
