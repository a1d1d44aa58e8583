"""Rules of DNAT as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from flows.queries.dnat import DnatLine


def dnat_table(lines: Sequence[DnatLine]) -> RenderableType:
    """A line for each rule, with the connections that came through it."""
    if not lines:
        return Text("No gateway leads to this instance; `fleet run set-dnat` makes rules.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("gateway", "EIP", "broker", "leads to", "state"):
        table.add_column(title)
    table.add_column("connections", justify="right")
    for line in lines:
        table.add_row(
            line["gateway"],
            line["eip"],
            str(line["broker"]),
            line["address"],
            Text(line["state"], style="green" if line["good"] else "red"),
            "" if line["connections"] is None else f"{line['connections']:,}",
        )
    return table
