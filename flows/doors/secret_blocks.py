"""Secrets on their way from a command line into an operation: by Secret blocks, never in clear."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping
from getpass import getpass
from pathlib import Path

from flows.adapters.secrets.blocks import RUN_BLOCK_PREFIX
from flows.domain.errors import Refused
from flows.doors.prefect_api import PrefectApi

BLOCK = "block:"
WAYS = f"@FILE, - (standard input), ? (a prompt) and {BLOCK}NAME (one of Prefect's Secret blocks)"

Ask = Callable[[str], str]


def given_secret(field: str, text: str, ask: Ask = getpass) -> str:
    """The secret that `@file`, `-` or `?` means; anything else is refused without being shown."""
    if text == "-":
        return _whole(field, sys.stdin.read())
    if text == "?":
        return _whole(field, ask(f"{field}: "))
    if text.startswith("@"):
        return _whole(field, _content(field, Path(text[1:])))
    raise Refused(
        f"{field} (not shown): a command line can be read by everybody on this machine; "
        f"accepted are {WAYS}"
    )


def named_block(text: str) -> str | None:
    """The name in `block:NAME`, or None when the text says something else."""
    return text.removeprefix(BLOCK) if text.startswith(BLOCK) else None


def leave_secrets(api: PrefectApi, values: Mapping[str, str]) -> dict[str, str]:
    """Field -> name of a new Secret block that holds its value; the operation deletes it."""
    return {field: _leave(api, value) for field, value in values.items()}


def take_back(api: PrefectApi, blocks: Mapping[str, str]) -> None:
    """The blocks of a run that never was are gone."""
    for name in blocks.values():
        found = api.find(f"/block_types/slug/secret/block_documents/name/{name}")
        if found is not None:
            api.delete(f"/block_documents/{found['id']}")


def _leave(api: PrefectApi, value: str) -> str:
    name = f"{RUN_BLOCK_PREFIX}{secrets.token_hex(8)}"
    kind = api.get("/block_types/slug/secret")["id"]
    filters = {"block_schemas": {"block_type_id": {"any_": [kind]}}, "limit": 1}
    schema = api.post("/block_schemas/filter", filters)[0]["id"]
    document = {"name": name, "data": {"value": value}, "block_type_id": kind}
    api.post("/block_documents/", {**document, "block_schema_id": schema})
    return name


def _content(field: str, path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise Refused(f"{field} @{path}: the file cannot be read ({reason})") from None


def _whole(field: str, text: str) -> str:
    """The secret without the line end that an editor or `echo` puts after it."""
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise Refused(f"{field}: the secret is empty")
    return secret
