"""What the database itself refuses, whatever the program does.

Apart from the tables, since only a migration needs it: an index with a condition for PostgreSQL
makes SQLAlchemy import that dialect, a tenth of a whole `fleet ls`.
"""

from __future__ import annotations

from sqlalchemy import DDL, Column, Index, event, text

from flows.adapters.records.schema import instances, metadata, operations, traces

__all__ = ["KEPT", "metadata"]


def _one(name: str, column: Column[str], condition: str) -> None:
    """Of the rows that meet the condition only one may have a value of the column."""
    where = text(condition)
    Index(name, column, unique=True, sqlite_where=where, postgresql_where=where)


_HOLDING = "status = 'running' AND holds"

_one("one_living_instance_per_name", instances.c.name, "status <> 'Deleted'")
_one("one_holder_per_instance", operations.c.instance_id, _HOLDING)
# Two creations of one name at the same moment have two ids, and only the name in common.
_one("one_holder_per_name", operations.c.instance_name, _HOLDING)

KEPT = {
    "sqlite": (
        "CREATE TRIGGER traces_are_never_changed BEFORE UPDATE ON traces "
        "BEGIN SELECT RAISE(ABORT, 'a trace is never changed'); END",
        "CREATE TRIGGER young_traces_are_never_deleted BEFORE DELETE ON traces "
        "WHEN julianday('now') - julianday(OLD.time) < 1 "
        "BEGIN SELECT RAISE(ABORT, 'a trace of the last day is never deleted'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION traces_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'DELETE' AND OLD.time <= now() - interval '1 day' THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'a trace is never changed, one of the last day is never deleted'; END $$",
        "CREATE TRIGGER traces_are_kept BEFORE UPDATE OR DELETE ON traces "
        "FOR EACH ROW EXECUTE FUNCTION traces_are_kept()",
        "CREATE TRIGGER traces_are_not_emptied BEFORE TRUNCATE ON traces "
        "FOR EACH STATEMENT EXECUTE FUNCTION traces_are_kept()",
    ),
}
"""What keeps traces as they were, and from being deleted in their first day; by dialect."""

for _dialect, _statements in KEPT.items():
    for _statement in _statements:
        _ddl = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(traces, "after_create", _ddl.execute_if(dialect=_dialect))
