"""The tables of the control plane.

A change here needs a migration beside it: a test compares both, word by word. What the database
enforces beyond keys stands in `guards.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy import Text as AnyText

REVISION = "0003"
"""The migration that these tables need; kept here so that a reader need not import Alembic."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, in UTC; SQLite has no time zones, so it is written and read as UTC there."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The same moment in UTC; a time without a zone is a ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment, always with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Text(TypeDecorator[str]):
    """A text; PostgreSQL's cannot hold the character NUL, which is kept as its symbol there."""

    impl = AnyText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text as the database can hold it."""
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace("\0", "\N{SYMBOL FOR NULL}")


def _number() -> Column[Any]:
    """A key that only rises; SQLite numbers rows by itself in columns of the type INTEGER only."""
    return Column(
        "number", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True
    )


instances = Table(
    "instances",
    metadata,
    Column("id", Text, primary_key=True),
    # A copy of the name in the current wish, for its unique index.
    Column("name", Text, nullable=False),
    Column("organization", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("observed", JSON, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("instance_id", Text, ForeignKey("instances.id"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("wish", JSON, nullable=False),
    # The operation that wished it; no foreign key, since old operations may be cleared away.
    Column("operation", BigInteger),
    Column("made", UtcDateTime, nullable=False),
)

machines = Table(
    "machines",
    metadata,
    Column("name", Text, primary_key=True),
    Column("instance_id", Text, ForeignKey("instances.id"), nullable=False, index=True),
    Column("broker", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("host_key", Text, nullable=False),
    Column("data_device", Text, nullable=False),
    Column("gone", UtcDateTime),
    Column("user", Text, nullable=False, server_default="root"),
    Column("port", Integer, nullable=False, server_default="22"),
)

# Own hosts, which outlive instances: an address is taken by one machine of one instance, or waits
# to be cleaned.
taken_hosts = Table(
    "taken_hosts",
    metadata,
    Column("address", Text, primary_key=True),
    Column("machine", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("taken", UtcDateTime, nullable=False),
    Column("to_be_cleaned", Boolean, nullable=False),
    UniqueConstraint("machine"),
)

operations = Table(
    "operations",
    metadata,
    # The epoch: hosts refuse a lower one, so a number is never given twice.
    _number(),
    Column("operation", Text, nullable=False),
    Column("instance_id", Text, index=True),
    Column("instance_name", Text, nullable=False, index=True),
    Column("status", Text, nullable=False),
    # Whether it keeps others away while it runs; plans and refusals do not.
    Column("holds", Boolean, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("run_link", Text, nullable=False),
    Column("run_boot", Text, nullable=False),
    Column("run_pid", BigInteger, nullable=False),
    Column("run_started_ticks", BigInteger, nullable=False),
    Column("request", JSON, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("reason", Text, nullable=False),
    Column("result", JSON, nullable=False),
    sqlite_autoincrement=True,
)

traces = Table(
    "traces",
    metadata,
    _number(),
    Column("time", UtcDateTime, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("resource", Text, nullable=False, index=True),
    Column("parameters", JSON, nullable=False),
    Column("result", Text, nullable=False),
    Column("rating", Text, nullable=False),
    sqlite_autoincrement=True,
)

secrets = Table(
    "secrets",
    metadata,
    Column("instance_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("ciphertext", Text, nullable=False),
)
