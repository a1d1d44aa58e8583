"""Certificates of an instance as a page for people."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.queries.certificates import CertificatesView, SeenLine

_COLORS = {"ok": "green", "warning": "yellow", "critical": "red", "silent": "red"}


def certificates_page(view: CertificatesView) -> RenderableType:
    """The phase of each side, then a line per certificate."""
    phases = Table(box=None, pad_edge=False, show_header=False)
    phases.add_column(style="bold", no_wrap=True)
    phases.add_column(overflow="fold")
    for side in view["sides"]:
        phases.add_row(side["side"], Text(side["phase"]))
    phases.add_row("bundle", f"version {view['bundle']} is what clients should have")
    if view["kept_names"]:
        phases.add_row("names", Text(view["kept_names"]))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("certificate", "state", "expires", "days", "serial", "issued by"):
        table.add_column(column, overflow="fold")
    for line in view["certificates"]:
        table.add_row(*_cells(line))
    silences = [Text(line["silence"]) for line in view["certificates"] if line["silence"]]
    return Group(phases, Text(), table, *([Text(), *silences] if silences else []))


def _cells(line: SeenLine) -> tuple[RenderableType, ...]:
    state = Text(line["urgency"], style=_COLORS[line["urgency"]])
    if line["expires"] is None:
        return line["name"], state, "-", "-", "-", "-"
    return (
        line["name"],
        state,
        datetime.fromisoformat(line["expires"]).strftime("%Y-%m-%d"),
        str(line["days_left"]),
        line["serial"],
        Text(line["issuer"]),
    )
