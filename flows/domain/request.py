"""What every request has: fields with titles, one way to be read, one way to be refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.domain.errors import Refused, refusal


class Request(BaseModel):
    """A typed wish for one operation, checked without looking at the world.

    `secret_fields` hold references to secrets, never secrets: the name of a Prefect Secret block,
    or the reference that the form's picker makes. They are not compared when a request is repeated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)
    secret_fields: ClassVar[tuple[str, ...]] = ()
    upload_fields: ClassVar[tuple[str, ...]] = ()
    """Secret fields that hold a file: a block has it in base64; `file:NAME` names an upload."""

    observed_secrets: ClassVar[tuple[str, ...]] = ()
    """Secret fields that the look at the instance takes in; they are kept nowhere else."""

    manner_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that say how something is done, not what: who goes on may choose them anew."""

    rolls: ClassVar[bool] = False
    """Whether brokers may restart for it, so that its plan tells which groups will wait."""

    names_clients: ClassVar[bool] = False
    """Whether it cuts clients off, so that its plan tells who is connected."""

    looks_at_ways: ClassVar[bool] = False
    """Whether its plan needs a look at how clients come in, beside the wish."""

    goes_back: ClassVar[bool] = False
    """Whether its plan needs to know what is still kept from before a change."""

    plan_only: bool = Field(
        default=False,
        title="Plan only",
        description="Show what would be done and stop there.",
    )
    approved_plan: str = Field(
        default="",
        title="Approved plan",
        description="Hash of a plan that was shown before; the run is refused when the plan "
        "is not that one any more. Empty: no approval needed.",
    )

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """The request in `raw`; whatever is wrong is refused in one sentence."""
        try:
            return cls.model_validate(dict(raw))
        except ValidationError as error:
            raise _refusal_of(error, cls) from None

    @property
    def translated(self) -> tuple[str, ...] | None:
        """EIPs for which its plan needs a look at the gateways; None when it needs none."""
        return None

    def scheduled(self) -> Self:
        """The request as a schedule makes it, without anybody to answer for a risk."""
        return self

    def check_secrets(self, secrets: Mapping[str, str]) -> None:
        """Refuses secrets that break a rule; `secrets` is field -> value. None by default."""


class InstanceRequest(Request):
    """A request for an instance that exists."""

    instance: str = Field(title="Instance", description="Name or id of the instance.")


UPLOAD = "file:"


def named_upload(reference: str) -> str | None:
    """The name in `file:NAME`, or None when the reference is one to a block."""
    return reference.removeprefix(UPLOAD) if reference.startswith(UPLOAD) else None


def read_secret_reference(value: object) -> object:
    """`{"$ref": ...}` of the form's picker becomes the id of the block; a name stays a name."""
    if not isinstance(value, Mapping):
        return value
    target = value.get("$ref")
    if isinstance(target, Mapping):
        target = target.get("block_document_id")
    if not isinstance(target, str):
        raise Refused("a secret is given as the name of a Secret block or by the form's picker")
    return target


def split_list(value: object) -> object:
    """`a,b` becomes `["a", "b"]`, so that lists can be typed on a command line."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _refusal_of(error: ValidationError, cls: type[Request]) -> Refused:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "request"
    if first["type"] == "missing":
        return Refused(f"{field}: it is required")
    if first["type"] == "extra_forbidden":
        known = ", ".join(name for name in cls.model_fields)
        return Refused(f"{field}: there is no such parameter; accepted are {known}")
    rule = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    shown = "(not shown)" if field in cls.secret_fields else first["input"]
    return refusal(field, shown, f"accepted is {rule}")
