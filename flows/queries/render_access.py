"""Ways of clients to the brokers as a table for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.domain.access import ANYONE
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
    """Where clients come in, what is open to whom, and what is kept for a while."""
    parts: list[RenderableType] = [_listeners(view), Text(), _ports(view)]
    if view["old_until"] is not None:
        kept = f"kept until {view['old_until'][:19]}: {', '.join(view['old_addresses'])}"
        parts.append(Text(kept, style="yellow"))
    return Group(*parts)


def _ports(view: AccessView) -> RenderableType:
    """A line for each port, of which each host lets in only these."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("port", "what", "open to"):
        table.add_column(title)
    for line in view["ports"]:
        table.add_row(str(line["port"]), line["what"], _open_to(line["open_to"]))
    return table


def _open_to(sources: list[str]) -> str:
    if ANYONE in sources:
        return "anyone"
    return ", ".join(sources) or "nobody"


def _listeners(view: AccessView) -> RenderableType:
    """A line for each client listener of each broker."""
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
            _open_to(line["open_to"]),
            line["since"][:16].replace("T", " "),
        )
    return table


def _told(line: AccessLine) -> str:
    if line["told"] is None or line["told"] == line["advertised"]:
        return line["advertised"]
    return f"{line['told']} (wished: {line['advertised']})"
