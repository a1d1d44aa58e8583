"""The form of an operation says what its request class says, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flows.domain.errors import Refused
from flows.doors.catalogue import OPERATIONS, AnyOperation
from flows.doors.form import SECRET_BLOCK, fields_given, form
from tests.doors.toys import Toy

BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "pattern", "minLength", "maxLength", "maxItems"}


def test_the_form_of_a_toy_is_exactly_this() -> None:
    secret = {"$ref": "#/definitions/Secret"}
    assert form(Toy, "Play toy") == {
        "title": "Parameters",
        "type": "object",
        "properties": {
            "request": {"$ref": "#/definitions/Toy", "title": "Play toy", "position": 0}
        },
        "required": ["request"],
        "definitions": {
            "Toy": {
                "title": "Play toy",
                "type": "object",
                "properties": {
                    "name": field("Name", "3 to 9 letters.", 0, type="string"),
                    "ending": field(
                        "Ending",
                        "How it ends.",
                        1,
                        type="string",
                        enum=["well", "refused", "failed", "defect"],
                        default="well",
                    ),
                    "seconds": field("Seconds", "How long it plays.", 2, type="number", default=0),
                    "friend": field("Friend", "Another toy.", 3, type="string"),
                    "parts": field(
                        "Parts",
                        "What it is made of.",
                        4,
                        type="array",
                        items={"type": "string"},
                        default=[],
                    ),
                    "password": field("Password", "A block.", 5, **secret),
                    "plan_only": field(
                        "Plan only",
                        "Show what would be done and stop there.",
                        6,
                        type="boolean",
                        default=False,
                    ),
                    "approved_plan": field(
                        "Approved plan",
                        "Hash of a plan that was shown before; the run is refused when the plan is "
                        "not that one any more. Empty: no approval needed.",
                        7,
                        type="string",
                        default="",
                    ),
                },
                "required": ["name"],
            },
            "Secret": SECRET_BLOCK,
        },
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_form_is_readable_and_leaves_the_rules_to_the_request(
    operation: AnyOperation,
) -> None:
    schema = form(operation.request, operation.title)
    fields = schema["definitions"][operation.request.__name__]["properties"]
    assert list(fields)[-2:] == ["plan_only", "approved_plan"]
    assert set(fields) == set(operation.request.model_fields)
    for name, described in fields.items():
        assert described["title"] != name
        assert described["description"].endswith((".", "?"))
    assert not BOUNDS & set(_keys(schema))


def test_what_is_no_form_is_refused() -> None:
    assert fields_given(None) == {}
    assert fields_given({"name": "bear"}) == {"name": "bear"}
    with pytest.raises(Refused) as refused:
        fields_given(7)
    assert str(refused.value) == ("request 7: an object with the fields of the form is accepted")


def field(title: str, description: str, position: int, **kind: Any) -> dict[str, Any]:
    """One field as the form has it."""
    return {"title": title, "description": description, "position": position, **kind}


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _keys(each)
    if isinstance(value, list):
        for each in value:
            yield from _keys(each)
