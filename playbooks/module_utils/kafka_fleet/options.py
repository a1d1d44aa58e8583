"""Options that the modules share, and what they mean."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from .claim import claim
from .files import Change, Delivery, WishedDirectory, WishedFile
from .writing import Attributes

CLAIM: dict[str, Any] = {
    "owner": {"type": "str", "required": True},
    "epoch": {"type": "int", "required": True},
    "state_directory": {"type": "path", "default": "/etc/kafka-fleet"},
}
_ATTRIBUTES: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str"},
}
DIRECTORIES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {**_ATTRIBUTES, "mode": {"type": "str", "default": "0755"}},
}
FILES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        **_ATTRIBUTES,
        "mode": {"type": "str", "default": "0644"},
        "content": {"type": "str", "required": True},
        "encoding": {"type": "str", "choices": ["text", "base64"], "default": "text"},
    },
}


def claim_of(options: Mapping[str, Any], *, write: bool) -> bool:
    """Whether the host carried the marker of a module's options before; see `claim`."""
    state, owner, epoch = options["state_directory"], options["owner"], options["epoch"]
    return claim(state, owner, epoch, write=write)


def delivery(options: Mapping[str, Any], part: str, *, check: bool) -> Delivery:
    """The directories and files of a module's options."""
    return Delivery(
        state=options["state_directory"],
        part=part,
        directories=tuple(
            WishedDirectory(item["path"], _attributes(item))
            for item in options.get("directories", ())
        ),
        files=tuple(
            WishedFile(item["path"], _content(item), _attributes(item)) for item in options["files"]
        ),
        check=check,
        keep=bool(options.get("keep")),
    )


def differences(changes: Sequence[Change]) -> list[dict[str, str]]:
    """The changes as Ansible shows them."""
    return [
        {
            "before_header": change.path,
            "after_header": change.path,
            "before": _shown(change.before),
            "after": _shown(change.after),
        }
        for change in changes
    ]


def _attributes(item: Mapping[str, Any]) -> Attributes:
    return Attributes(int(item["mode"], 8), item["owner"], item["group"] or item["owner"])


def _content(item: Mapping[str, Any]) -> bytes:
    if item["encoding"] == "base64":
        return base64.b64decode(item["content"], validate=True)
    return str(item["content"]).encode()


def _shown(content: bytes | None) -> str:
    if content is None:
        return ""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"({len(content)} bytes that are no text)\n"
