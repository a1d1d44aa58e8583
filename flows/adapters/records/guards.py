"""What the database itself refuses, whatever the program does.

Apart from the tables, since only a migration needs it: an index with a condition for PostgreSQL
makes SQLAlchemy import that dialect, a tenth of a whole `fleet ls`.
"""

from __future__ import annotations

from sqlalchemy import DDL, Column, Index, event, text

from flows.adapters.records.schema import instances, metadata, operations, traces

__all__ = ["APPEND_ONLY", "metadata"]


def _one(name: str, column: Column[str], condition: str) -> None:
    """Of the rows that meet the condition only one may have a value of the column."""
    where = text(condition)
    Index(name, column, unique=True, sqlite_where=where, postgresql_where=where)


_HOLDING = "status = 'running' AND holds"

_one("one_living_instance_per_name", instances.c.name, "status <> 'Deleted'")
_one("one_holder_per_instance", operations.c.instance_id, _HOLDING)
# Two creations of one name at the same moment have two ids, and only the name in common.
_one("one_holder_per_name", operations.c.instance_name, _HOLDING)

APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER traces_are_never_changed BEFORE UPDATE ON traces "
        "BEGIN SELECT RAISE(ABORT, 'a trace is never changed'); END",
        "CREATE TRIGGER traces_are_never_deleted BEFORE DELETE ON traces "
        "BEGIN SELECT RAISE(ABORT, 'a trace is never deleted'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION traces_are_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a trace is never changed or deleted'; END $$",
        "CREATE TRIGGER traces_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON traces "
        "FOR EACH STATEMENT EXECUTE FUNCTION traces_are_kept()",
    ),
}
"""What makes `traces` append-only, by dialect."""

for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        _ddl = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(traces, "after_create", _ddl.execute_if(dialect=_dialect))
