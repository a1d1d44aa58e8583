"""The records as one value that does not depend on the database, and back into an empty one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    MetaData,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)

from flows.adapters.records.engine import reading, writing
from flows.adapters.records.lock import HOLDING
from flows.adapters.records.migrate import known_schemas, migrate
from flows.adapters.records.schema import REVISION, metadata, operations, traces
from flows.domain.errors import Refused
from flows.domain.operations import OperationStatus

LOST = "the control plane was lost while it ran, and restored from a backup"


def dump(engine: Engine) -> dict[str, Any]:
    """Every row of every table at one moment, as JSON can hold it, and the schema they fit."""
    with reading(engine) as connection:
        if engine.dialect.name == "postgresql":
            # One moment for all tables; SQLite's transactions are like that anyway.
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        tables = {table.name: _rows(connection, table) for table in metadata.sorted_tables}
    return {"schema": REVISION, "tables": tables}


def load(engine: Engine, dumped: Mapping[str, Any], now: datetime) -> None:
    """An empty database holds what was dumped, in this program's schema; all or nothing.

    Operations that ran are interrupted. The next one has a number that is higher than any that an
    earlier control plane can have given to the hosts, however old the dump is: the seconds since
    1970, of which nobody begins more than one operation each.
    """
    schema = dumped["schema"]
    if schema not in known_schemas():
        raise Refused(
            f"backup: its records have the schema {schema}, this program knows up to {REVISION}; "
            "a newer kafka-fleet is needed"
        )
    with writing(engine) as connection:
        _check_empty(connection)
        migrate(connection, schema)
        _insert(connection, dumped["tables"])
        migrate(connection)
        _interrupt(connection, now)
        _count_on(connection, operations, int(now.timestamp()))
        _count_on(connection, traces, 0)


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    found = connection.execute(select(table)).mappings()
    return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _check_empty(connection: Connection) -> None:
    found = inspect(connection).get_table_names()
    if found:
        raise Refused(
            f"database: it is not empty, it has the table {sorted(found)[0]}; "
            "a backup is restored into an empty one"
        )


def _insert(connection: Connection, tables: Mapping[str, list[dict[str, Any]]]) -> None:
    # The tables as they were when the dump was made, which the program may not know any more.
    then = MetaData()
    then.reflect(connection)
    for table in then.sorted_tables:
        rows = tables.get(table.name, [])
        moments = {name for name, column in table.columns.items() if _is_moment(column)}
        if rows:
            connection.execute(insert(table), [_read(row, moments) for row in rows])


def _is_moment(column: Column[Any]) -> bool:
    return isinstance(column.type, DateTime)


def _read(row: Mapping[str, Any], moments: set[str]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value).astimezone(UTC) if value and name in moments else value
        for name, value in row.items()
    }


def _interrupt(connection: Connection, now: datetime) -> None:
    connection.execute(
        update(operations)
        .where(HOLDING)
        .values(status=OperationStatus.INTERRUPTED.value, finished=now, reason=LOST)
    )


def _count_on(connection: Connection, table: Table, least: int) -> None:
    """The next number is higher than `least` and than all that are there."""
    number = max(least, connection.scalar(select(func.max(table.c.number))) or 0)
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(f"ALTER TABLE {table.name} ALTER COLUMN number RESTART WITH {number + 1}")
        )
        return
    values = {"name": table.name, "seq": number}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
    connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :seq)"), values)
