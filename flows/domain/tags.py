"""The tags of an instance (SPEC 1.7), given as `k=v,k=v`."""

from __future__ import annotations

from flows.domain.errors import refusal

MAX_TAGS = 20
_FORBIDDEN = frozenset("=*<>\\,|/")


def parse_tags(text: str) -> tuple[tuple[str, str], ...]:
    """The pairs of `k=v,k=v` in the given order, each checked."""
    pairs = tuple(_pair(part) for part in text.split(",") if part.strip())
    if len(pairs) > MAX_TAGS:
        raise refusal("tags", f"{len(pairs)} tags", f"at most {MAX_TAGS} are accepted")
    _check_unique([key for key, _ in pairs])
    return pairs


def _pair(part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals:
        raise refusal("tags", part, "each tag is written key=value")
    _check_part("key", key, 36)
    _check_part("value", value, 43)
    return key, value


def _check_part(kind: str, text: str, longest: int) -> None:
    if not 1 <= len(text) <= longest:
        raise refusal("tags", text, f"a {kind} has 1 to {longest} characters")
    if _FORBIDDEN & set(text):
        raise refusal("tags", text, f"a {kind} may not contain any of = * < > \\ , | /")
    if text != text.strip(" "):
        raise refusal("tags", text, f"a {kind} may not start or end with a space")


def _check_unique(keys: list[str]) -> None:
    for key in keys:
        if keys.count(key) > 1:
            raise refusal("tags", key, "a key may stand only once")
