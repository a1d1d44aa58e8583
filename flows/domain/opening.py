"""What is open to whom: one port, and who may reach it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Opening:
    """A port and the sources that may reach it (addresses or networks); none means nobody.

    `what` says in a word what answers there.
    """

    port: int
    sources: tuple[str, ...]
    what: str
