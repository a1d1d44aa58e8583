"""Quotas, sizes and failed creations as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.queries.history import HistoryLine
from flows.queries.quotas import QuotaLine
from flows.queries.sizing import LimitLine, SizeView


def quotas_table(lines: Sequence[QuotaLine]) -> RenderableType:
    """One line per resource."""
    table = _table("resource", "used", "total", "free", "setting", numbers=(1, 2, 3))
    for line in lines:
        counts = (f"{line['used']:,}", f"{line['total']:,}", f"{line['free']:,}")
        table.add_row(line["title"], *counts, line["setting"])
    return table


def failed_creations_table(lines: Sequence[HistoryLine]) -> RenderableType:
    """One line per creation that gave up, and how they are cleared."""
    if not lines:
        return Text("No creation has failed, or all that did were cleared.")
    table = _table("no.", "name", "failed", "asked by", "reason")
    for line in lines:
        moment = datetime.fromisoformat(line["finished"] or line["started"])
        table.add_row(
            str(line["number"]),
            line["instance"],
            moment.strftime("%Y-%m-%d %H:%M:%S %Z"),
            Text(f"{line['asked_by']} ({line['door']})"),
            Text(line["reason"]),
        )
    hint = "\nfleet run clear-failed-creations names=NAME,... (or all=true) clears the list"
    return Group(table, Text(hint))


def size_page(view: SizeView) -> RenderableType:
    """The size, the limits that decided it, and what each limit has to spare."""
    heads = Table(box=None, pad_edge=False, show_header=False)
    heads.add_column(style="bold", no_wrap=True)
    heads.add_column(overflow="fold")
    heads.add_row("flavor", view["flavor"])
    heads.add_row("brokers", str(view["brokers"]))
    each, total = f"{view['storage_per_broker']:,} GB", f"{view['storage']:,} GB"
    heads.add_row("storage per broker", f"{each} ({total} in all)")
    traffic = f"{view['produce_mbps']:g} MB/s produced and as much consumed"
    heads.add_row("carries", traffic)
    heads.add_row("decided by", _decided(view))
    heads.add_row("legacy flavor", _legacy(view))
    return Group(heads, Text(), _limits(view["limits"]), Text(), Text(_command(view)))


def _decided(view: SizeView) -> str:
    if view["decided_by"]:
        return ", ".join(view["decided_by"])
    # Storage is always made to fit, and brokers are never fewer than three.
    open_ones = [line for line in view["limits"] if line["limit"] not in ("storage", "brokers")]
    tightest = max(open_ones, key=lambda line: line["need"] / line["have"])
    return f"the smallest flavor and number of brokers; {tightest['limit']} is the tightest limit"


def _legacy(view: SizeView) -> str:
    legacy = view["legacy"]
    if legacy is None:
        return "none has as much traffic and as many connections"
    mapped = legacy["equivalent"] or "no flavor of today"
    return f"{legacy['flavor']} in all, {legacy['connections']:,} connections; it maps to {mapped}"


def _limits(lines: Sequence[LimitLine]) -> Table:
    table = _table("limit", "needed", "there is", "used", numbers=(1, 2, 3))
    for line in lines:
        unit = f" {line['unit']}" if line["unit"] else ""
        part = line["need"] / line["have"]
        needed, there_is = f"{line['need']:,.0f}{unit}", f"{line['have']:,.0f}{unit}"
        table.add_row(line["limit"], needed, there_is, f"{part:.0%}")
    return table


def _command(view: SizeView) -> str:
    return (
        f"fleet run create-instance name=... flavor={view['flavor']} brokers={view['brokers']} "
        f"storage_per_broker={view['storage_per_broker']}"
    )


def _table(*columns: str, numbers: Sequence[int] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="right" if place in numbers else "left")
    return table
