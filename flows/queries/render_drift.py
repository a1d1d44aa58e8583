"""Differences between wish and world as a table for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from flows.queries.drift import DriftLine


def drift_table(lines: tuple[DriftLine, ...]) -> RenderableType:
    """A line for each difference, or one sentence when there is none."""
    if not lines:
        return Text("Clients come in as it is wished, and only so.", style="green")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("where", "what", "wished", "found", "converge-access"):
        table.add_column(title)
    for line in lines:
        mends = Text("puts it right") if line["mendable"] else Text("cannot", style="yellow")
        found = Text(line["found"], style="red")
        table.add_row(line["place"], line["what"], line["wished"], found, mends)
    return table
