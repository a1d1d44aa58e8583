"""`fleet ls`, `show` and `history`: answers from the records, without a run."""

from __future__ import annotations

from typing import Any

from flows.doors.wiring import open_records
from flows.queries.history import history
from flows.queries.instances import instances
from flows.queries.show import show
from flows.settings import load_settings


def list_instances(*, as_json: bool) -> None:
    """The living instances are printed."""
    _print(instances(open_records(load_settings())), "instances_table", as_json=as_json)


def show_instance(name: str, *, as_json: bool) -> None:
    """Everything of one instance is printed."""
    _print(show(open_records(load_settings()), name), "instance_page", as_json=as_json)


def show_history(name: str | None, *, as_json: bool) -> None:
    """The operations are printed."""
    _print(history(open_records(load_settings()), name), "history_table", as_json=as_json)


def _print(answer: Any, drawing: str, *, as_json: bool) -> None:
    from flows.doors.cli.output import print_json, print_table  # noqa: PLC0415

    if as_json:
        print_json(answer)
        return
    from flows.queries import render  # noqa: PLC0415

    print_table(getattr(render, drawing)(answer))
