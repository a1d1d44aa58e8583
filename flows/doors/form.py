"""The form of an operation in Prefect's UI, derived from its request class and never written twice.

Titles, descriptions, choices and defaults go into the form. Bounds, patterns and lengths do not:
what breaks a rule shall be refused by the rule's own sentence, not by the form's wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.domain.errors import Refused
from flows.domain.request import Request

Schema = dict[str, Any]

_RULES = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern", "format",
    "minLength", "maxLength", "minItems", "maxItems", "additionalProperties",
)  # fmt: skip

SECRET_BLOCK: Schema = {
    "title": "Secret",
    "type": "object",
    "block_type_slug": "secret",
    "block_schema_references": {},
    "properties": {
        "value": {"title": "Value", "type": "string", "format": "password", "writeOnly": True}
    },
    "required": ["value"],
    "secret_fields": ["value"],
}
"""How a schema says "one of Prefect's Secret blocks": the UI shows its picker."""


def form(request: type[Request], title: str) -> Schema:
    """The parameters of a flow that takes one object, `request`."""
    schema = request.model_json_schema()
    choices = {name: _plain(found) for name, found in schema.get("$defs", {}).items()}
    properties = {name: _field(request, name, choices, schema) for name in _order(request)}
    definition: Schema = {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(schema.get("required", [])),
    }
    definitions = {request.__name__: definition}
    if request.secret_fields:
        definitions["Secret"] = SECRET_BLOCK
    reference = {"$ref": f"#/definitions/{request.__name__}", "title": title, "position": 0}
    return {
        "title": "Parameters",
        "type": "object",
        "properties": {"request": reference},
        "required": ["request"],
        "definitions": definitions,
    }


def fields_given(request: object) -> Mapping[str, Any]:
    """What came through a form, field by field; nothing at all is an empty form."""
    if request is None:
        return {}
    if not isinstance(request, Mapping):
        raise Refused(f"request {request!r}: an object with the fields of the form is accepted")
    return request


def _order(request: type[Request]) -> list[str]:
    """The request's own fields first; what every request has comes last."""
    common = list(Request.model_fields)
    own = [name for name in request.model_fields if name not in common]
    return own + common


def _field(
    request: type[Request], name: str, choices: Mapping[str, Schema], schema: Schema
) -> Schema:
    described: Schema = schema["properties"][name]
    declared = request.model_fields[name]
    # Not from the schema: pydantic leaves a title out that its type happens to have as well.
    words: Schema = {"title": declared.title or name, "description": declared.description or ""}
    words["position"] = _order(request).index(name)
    if name in request.secret_fields:
        return {"$ref": "#/definitions/Secret", **words}
    default = described.get("default")
    shown = {} if default is None else {"default": default}
    return {**_kind(described, choices), **words, **shown}


def _kind(described: Schema, choices: Mapping[str, Schema]) -> Schema:
    """The type of a field; "or nothing" is what leaving it empty means, so it is not offered."""
    if "$ref" in described:
        return dict(choices[described["$ref"].rpartition("/")[2]])
    options = [each for each in described.get("anyOf", ()) if each.get("type") != "null"]
    if len(options) == 1:
        return _kind(options[0], choices)
    return _plain(described)


def _plain(described: Schema) -> Schema:
    words = ("title", "description", "default", *_RULES)
    return {key: value for key, value in described.items() if key not in words}
