"""The rules for names and passwords (SPEC 1.1), each refused with its own sentence."""

from __future__ import annotations

import re

from flows.domain.errors import refusal

RESERVED_USERS = frozenset({"anonymous", "broker", "control", "kafka", "super", "zkpeer"})
PROBE_USER = "__fleet_probe"

_INSTANCE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_COMMON = frozenset(
    {"password", "passw0rd", "p@ssw0rd", "p@ssword", "qwerty", "letmein", "welcome", "admin",
     "kafka", "changeme", "change-me", "12345678", "abc123", "iloveyou", "secret", "default"}
)  # fmt: skip


def check_instance_name(name: str) -> None:
    """Refuses what is not 4-64 letters, digits, `-` or `_` starting with a letter."""
    _check_label("name", name)


def check_user_name(field: str, name: str) -> None:
    """Refuses a user name outside the rule, and the reserved ones in any case."""
    _check_label(field, name)
    if name.lower() in RESERVED_USERS:
        reserved = "ANONYMOUS, broker, control, kafka, super, zkpeer"
        raise refusal(field, name, f"the name is reserved; choose one other than {reserved}")


def check_password(field: str, password: str, user: str | None) -> None:
    """Refuses a weak password; the sentence never holds the password itself."""
    for broken, rule in _password_rules(password, user):
        if broken:
            raise refusal(field, "(not shown)", rule)


def _check_label(field: str, name: str) -> None:
    if not 4 <= len(name) <= 64:
        raise refusal(field, name, f"it has {len(name)} characters, 4 to 64 are accepted")
    if not _INSTANCE.match(name):
        accepted = "letters, digits, - and _ are accepted, the first one a letter"
        raise refusal(field, name, accepted)


def _password_rules(password: str, user: str | None) -> tuple[tuple[bool, str], ...]:
    return (
        (not 8 <= len(password) <= 32, "8 to 32 characters are accepted"),
        (not _printable(password), "only printable ASCII characters are accepted"),
        (password.startswith("-"), "it may not start with -"),
        (
            _kinds(password) < 3,
            "it is too weak; at least three of lower case, upper case, digits and special "
            "characters are needed",
        ),
        (
            _holds_user(password, user),
            "it may not be or contain the user's name, forwards or backwards",
        ),
        (is_common_password(password), "it is in the list of common passwords; choose another"),
    )


def _printable(password: str) -> bool:
    return all(" " <= character <= "~" for character in password)


def _kinds(password: str) -> int:
    tests = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    return sum(any(test(character) for character in password) for test in tests)


def _holds_user(password: str, user: str | None) -> bool:
    if not user:
        return False
    lowered, name = password.lower(), user.lower()
    return name in lowered or name[::-1] in lowered


def is_common_password(password: str) -> bool:
    """Whether the password is a common word, maybe with digits and signs around it."""
    # A common word stays common with a few digits and signs around it.
    bare = password.lower().strip("!@#$%^&*.-_? ")
    return bare in _COMMON or bare.strip("0123456789!@#$%^&*.-_? ") in _COMMON
