"""How commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console, RenderableType

PIPED_WIDTH = 2000


def print_json(value: Any) -> None:
    """The value on standard output, for scripts."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def print_table(table: RenderableType) -> None:
    """The table, in colours only on a terminal; piped, each row stays on its own line."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    Console(width=width, highlight=False, soft_wrap=False).print(table)


def print_markdown(text: str) -> None:
    """A page as it reads best: drawn on a terminal, as it is elsewhere."""
    if not sys.stdout.isatty():
        print(text)
        return
    from rich.markdown import Markdown  # noqa: PLC0415 (costs as much as all the rest)

    Console().print(Markdown(text))
