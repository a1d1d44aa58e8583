"""`fleet operations`: what can be run, with parameters as the request class describes them."""

from __future__ import annotations

import inspect
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.doors.catalogue import OPERATIONS, AnyOperation, operation_named
from flows.doors.cli.output import print_json, print_table
from flows.doors.form import form
from flows.doors.secret_blocks import WAYS


def offer(name: str, *, as_json: bool) -> None:
    """All operations are printed, or the parameters of the one that is named."""
    if name:
        operation = operation_named(name)
        _print(described(operation), _page(operation), as_json=as_json)
    else:
        _print([described(each) for each in OPERATIONS], _list(), as_json=as_json)


def described(operation: AnyOperation) -> dict[str, Any]:
    """An operation as data: what it does, and its parameters as in the form."""
    definitions = form(operation.request, operation.title)["definitions"]
    fields = definitions[operation.request.__name__]
    return {
        "operation": operation.name,
        "description": inspect.cleandoc(operation.description),
        "required": fields["required"],
        "parameters": fields["properties"],
    }


def _print(value: Any, table: RenderableType, *, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        print_table(table)


def _list() -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("operation", no_wrap=True)
    table.add_column("what it does", overflow="fold")
    for operation in OPERATIONS:
        table.add_row(operation.name, operation.description.partition("\n")[0])
    hint = Text(
        "\nfleet operations NAME shows its parameters; fleet run NAME key=value ... runs it"
    )
    return Group(table, hint)


def _page(operation: AnyOperation) -> RenderableType:
    told = described(operation)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("parameter", no_wrap=True)
    table.add_column("default", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for name, parameter in told["parameters"].items():
        default = "required" if name in told["required"] else _plain(parameter.get("default"))
        table.add_row(name, default, _words(parameter))
    return Group(Text(told["description"]), Text(), table)


def _words(parameter: dict[str, Any]) -> str:
    words = str(parameter.get("description", ""))
    if "enum" in parameter:
        words += f" One of {', '.join(str(choice) for choice in parameter['enum'])}."
    if "$ref" in parameter:
        words += f" Given as {WAYS}."
    return words


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value in (None, [], "") else str(value)
