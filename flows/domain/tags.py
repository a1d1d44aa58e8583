"""The tags of an instance (SPEC 1.7), given as `k=v,k=v`."""

from __future__ import annotations

from collections.abc import Collection

from flows.domain.errors import refusal

Tags = tuple[tuple[str, str], ...]

MAX_TAGS = 20
_FORBIDDEN = frozenset("=*<>\\,|/")


def parse_tags(text: str, field: str = "tags") -> Tags:
    """The pairs of `k=v,k=v` in the given order, each checked."""
    pairs = tuple(_pair(field, part) for part in text.split(",") if part.strip())
    if len(pairs) > MAX_TAGS:
        raise refusal(field, f"{len(pairs)} tags", f"at most {MAX_TAGS} are accepted")
    _check_unique(field, [key for key, _ in pairs])
    return pairs


def tags_after(present: Tags, added: Tags, removed: Collection[str]) -> Tags:
    """The tags that there are then: a known key gets the new value, a key removed is gone.

    Refused when they would be too many, saying how many there are.
    """
    kept = {key: value for key, value in present if key not in removed}
    after = tuple({**kept, **dict(added)}.items())
    if len(after) > MAX_TAGS:
        more = len(after) - len(kept)
        rule = f"with the {len(kept)} there are it would be {len(after)}, at most {MAX_TAGS} are"
        raise refusal("add_tags", f"{more} more", f"{rule} accepted")
    return after


def read_tag(text: str) -> tuple[str, str | None]:
    """A tag that is looked for: its key, and its value unless any will do."""
    if "=" in text:
        return _pair("tag", text)
    _check_part("tag", "key", text, 36)
    return text, None


def _pair(field: str, part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals:
        raise refusal(field, part, "each tag is written key=value")
    _check_part(field, "key", key, 36)
    _check_part(field, "value", value, 43)
    return key, value


def _check_part(field: str, kind: str, text: str, longest: int) -> None:
    if not 1 <= len(text) <= longest:
        raise refusal(field, text, f"a {kind} has 1 to {longest} characters")
    if _FORBIDDEN & set(text):
        raise refusal(field, text, f"a {kind} may not contain any of = * < > \\ , | /")
    if text != text.strip(" "):
        raise refusal(field, text, f"a {kind} may not start or end with a space")


def _check_unique(field: str, keys: list[str]) -> None:
    for key in keys:
        if keys.count(key) > 1:
            raise refusal(field, key, "a key may stand only once")
