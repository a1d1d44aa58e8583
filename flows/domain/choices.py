"""Choices in a form: one of a few words, or left empty where that means "as it is"."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BeforeValidator

from flows.domain.errors import refusal


class Switch(StrEnum):
    """On or off, where leaving it empty says neither."""

    ON = "on"
    OFF = "off"


_SAID_OTHERWISE = {"true": Switch.ON, "false": Switch.OFF}


def choice(kind: type[StrEnum], field: str, *, optional: bool = False) -> BeforeValidator:
    """One of the words of `kind`; its refusal names all of them. Empty is None when optional."""

    def check(value: object) -> object:
        if optional and value in (None, ""):
            return None
        said = _SAID_OTHERWISE.get(str(value).lower(), value) if kind is Switch else value
        accepted = [str(member) for member in kind]
        if str(said) not in accepted:
            raise refusal(field, str(value), f"accepted are {', '.join(accepted)}")
        return kind(str(said))

    return BeforeValidator(check)
