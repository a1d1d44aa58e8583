"""Ways of clients to the brokers as a table for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.queries.access import AccessLine, AccessView

COLUMNS = (
    "broker",
    "listener",
    "listens at",
    "port id",
    "tells clients",
    "answers",
    "open to",
    "since",
)
"""The port id names what an endpoint service of another network is bound to: the machine."""


def access_table(view: AccessView) -> RenderableType:
    """A line for each client listener of each broker, and what is kept for a while."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in COLUMNS:
        table.add_column(title)
    for line in view["lines"]:
        table.add_row(
            str(line["broker"]),
            line["listener"],
            line["address"],
            line["port_id"],
            _told(line),
            Text(line["answer"], style="green" if line["good"] else "red"),
            ", ".join(line["open_to"]) or "nobody",
            line["since"][:16].replace("T", " "),
        )
    if view["old_until"] is None:
        return table
    kept = f"kept until {view['old_until'][:19]}: {', '.join(view['old_addresses'])}"
    return Group(table, Text(kept, style="yellow"))


def _told(line: AccessLine) -> str:
    if line["told"] is None or line["told"] == line["advertised"]:
        return line["advertised"]
    return f"{line['told']} (wished: {line['advertised']})"
