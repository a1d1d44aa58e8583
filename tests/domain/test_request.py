"""How requests are read: lists, references to secrets, and what every request has."""

from __future__ import annotations

from typing import Any

import pytest

from flows.domain.growth import AddBrokers
from flows.domain.replacement import ReplaceBroker
from flows.domain.request import InstanceRequest, Request, read_secret_reference, split_list
from flows.domain.resize import ChangeFlavor
from tests.domain.samples import refused


def test_a_list_can_be_typed_with_commas() -> None:
    assert split_list("a, b,,c ") == ["a", "b", "c"]
    assert split_list("") == []
    assert split_list(["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("block-name", "block-name"),
        (None, None),
        ({"$ref": "b1f0"}, "b1f0"),
        ({"$ref": {"block_document_id": "b1f0"}}, "b1f0"),
    ],
)
def test_a_secret_is_a_reference_however_it_was_chosen(given: object, read: object) -> None:
    assert read_secret_reference(given) == read


@pytest.mark.parametrize("given", [{}, {"$ref": {}}, {"$ref": 7}, {"value": "S3cret-typed"}])
def test_what_is_no_reference_is_refused_without_being_shown(given: object) -> None:
    assert refused(lambda: read_secret_reference(given)) == (
        "a secret is given as the name of a Secret block or by the form's picker"
    )


def test_every_request_can_be_planned_only_and_can_carry_an_approval() -> None:
    request = InstanceRequest.read({"instance": "demo", "plan_only": "yes", "approved_plan": "ab"})
    assert (request.instance, request.plan_only, request.approved_plan) == ("demo", True, "ab")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "instance: it is required"),
        ({"instance": 5}, "instance 5: accepted is a valid string"),
        (
            {"instance": "demo", "force": True},
            "force: there is no such parameter; accepted are plan_only, approved_plan, instance",
        ),
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence(raw: dict[str, Any], sentence: str) -> None:
    assert refused(lambda: InstanceRequest.read(raw)) == sentence


def test_a_request_without_secrets_has_none_to_refuse() -> None:
    Request().check_secrets({})


def test_fields_have_titles_and_descriptions_and_no_limits_of_the_form() -> None:
    """Limits in the schema would refuse in the words of a library, before ours can."""
    for name, field in InstanceRequest.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert field.metadata == [], name


@pytest.mark.parametrize("kind", [AddBrokers, ReplaceBroker, ChangeFlavor])
def test_a_throttle_is_not_negative(kind: type[Request]) -> None:
    wish = {"instance": "demo", "broker": 1, "brokers": 4, "flavor": "kafka.4u8g.cluster"}
    known = {key: value for key, value in wish.items() if key in kind.model_fields}
    said = refused(lambda: kind.read({**known, "throttle": -1}))
    assert said == "throttle -1.0: 0 (none) or more MB/s is accepted"
