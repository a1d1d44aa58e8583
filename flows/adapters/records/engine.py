"""How a process opens the database of the records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from flows.domain.errors import EffectFailed

BUSY_SECONDS = 10.0
"""How long a process waits for another one to finish writing."""


class Collision(EffectFailed):
    """What was to be written breaks a constraint, such as a unique name."""


def open_engine(url: str) -> Engine:
    """Connections to the records; messages of the database never show values.

    A SQLite file is its owner's alone (0600) before anything is written to it; SQLite gives the
    files that it makes beside it the same mode.
    """
    if make_url(url).get_backend_name() == "postgresql":
        return _open_postgresql(url)
    # A connection ends with its transaction, because SQLite's must not outlive a fork.
    engine = create_engine(
        url, hide_parameters=True, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS}
    )
    event.listen(engine, "do_connect", _make_private_file)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _open_postgresql(url: str) -> Engine:
    limit = round(BUSY_SECONDS * 1000)
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": round(BUSY_SECONDS),
            "options": f"-c lock_timeout={limit}ms -c timezone=UTC",
        },
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent look at the records."""
    with _speaking(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A change that is kept whole or not at all; on SQLite no other writer is in between."""
    with _speaking(), engine.execution_options(begin="IMMEDIATE").begin() as connection:
        yield connection


@contextmanager
def _speaking() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise Collision(f"records: the database refused a row: {_words(error)}") from error
    except DBAPIError as error:
        raise EffectFailed(f"records: the database did not answer: {_words(error)}") from error


def _words(error: DBAPIError) -> str:
    """What the database said; PostgreSQL's further lines would show the values of the row."""
    return str(error.orig).partition("\n")[0]


def _make_private_file(_dialect: Any, _record: Any, arguments: list[Any], _named: Any) -> None:
    path = Path(arguments[0])
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _configure(connection: Any, _record: Any) -> None:
    # The driver's own transactions begin too late to protect what was read before a write.
    connection.isolation_level = None
    # FULL: an epoch that a host has seen must not be forgotten in a power loss.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    kind = connection.get_execution_options().get("begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {kind}")
