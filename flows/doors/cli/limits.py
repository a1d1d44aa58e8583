"""`fleet quotas`, `size` and `failed-creations`: limits, sizes, and what did not come to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from flows.doors.cli.output import print_json, print_table
from flows.doors.wiring import open_records
from flows.queries.history import failed_creations
from flows.queries.quotas import quotas
from flows.queries.render_limits import failed_creations_table, quotas_table, size_page
from flows.queries.sizing import size
from flows.settings import load_settings


def show_quotas(*, as_json: bool) -> None:
    """Used and total of each resource are printed."""
    lines = quotas(open_records(load_settings()))
    _print(lines, quotas_table(lines), as_json=as_json)


def show_failed_creations(*, as_json: bool) -> None:
    """The creations that gave up are printed, with who asked and why they failed."""
    lines = failed_creations(open_records(load_settings()))
    _print(lines, failed_creations_table(lines), as_json=as_json)


def show_size(load: Mapping[str, Any], *, as_json: bool) -> None:
    """The size for a load is printed, and which limit decided."""
    view = size(load)
    _print(view, size_page(view), as_json=as_json)


def _print(answer: Any, table: RenderableType, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_table(table)
