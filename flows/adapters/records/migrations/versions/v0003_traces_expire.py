"""Traces may go once they are old: retention deletes them, nothing changes them."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """A trace is protected from deletion for its first day; every trace that was there stays."""
    for statement in _EXPIRING[op.get_bind().dialect.name]:
        op.execute(statement)


_EXPIRING = {
    "sqlite": (
        "DROP TRIGGER traces_are_never_deleted",
        "CREATE TRIGGER young_traces_are_never_deleted BEFORE DELETE ON traces "
        "WHEN julianday('now') - julianday(OLD.time) < 1 "
        "BEGIN SELECT RAISE(ABORT, 'a trace of the last day is never deleted'); END",
    ),
    "postgresql": (
        "DROP TRIGGER traces_are_kept ON traces",
        "DROP FUNCTION traces_are_kept()",
        "CREATE FUNCTION traces_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'DELETE' AND OLD.time <= now() - interval '1 day' THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'a trace is never changed, one of the last day is never deleted'; END $$",
        "CREATE TRIGGER traces_are_kept BEFORE UPDATE OR DELETE ON traces "
        "FOR EACH ROW EXECUTE FUNCTION traces_are_kept()",
        "CREATE TRIGGER traces_are_not_emptied BEFORE TRUNCATE ON traces "
        "FOR EACH STATEMENT EXECUTE FUNCTION traces_are_kept()",
    ),
}
