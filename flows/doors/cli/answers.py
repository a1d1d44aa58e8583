"""`fleet ls`, `show` and `history`: answers from the records, without a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.domain.moments import read_period
from flows.doors.wiring import open_records
from flows.queries.filters import Filters
from flows.queries.history import history
from flows.queries.instances import instances
from flows.queries.show import show
from flows.queries.users import users
from flows.settings import load_settings


def list_instances(filters: Filters, *, as_json: bool) -> None:
    """The living instances are printed, or those of them that are meant."""
    found = instances(open_records(load_settings()), filters)
    drawing = "found_instances_table" if filters.given else "instances_table"
    _print(found, drawing, as_json=as_json)


def show_instance(name: str, *, as_json: bool) -> None:
    """Everything of one instance is printed."""
    _print(show(open_records(load_settings()), name), "instance_page", as_json=as_json)


def show_history(name: str | None, period: tuple[str, str], status: str, *, as_json: bool) -> None:
    """The operations are printed; `period` is since and until, as they were typed."""
    wanted = read_period(*period, datetime.now(UTC))
    found = history(open_records(load_settings()), name, wanted, status)
    narrowed = any(period) or bool(status)
    _print(found, "found_history_table" if narrowed else "history_table", as_json=as_json)


def list_users(name: str, *, as_json: bool) -> None:
    """The users of an instance are printed."""
    _print(users(open_records(load_settings()), name), "users_table", as_json=as_json)


def _print(answer: Any, drawing: str, *, as_json: bool) -> None:
    from flows.doors.cli.output import print_json, print_table  # noqa: PLC0415

    if as_json:
        print_json(answer)
        return
    from flows.queries import render  # noqa: PLC0415

    print_table(getattr(render, drawing)(answer))
