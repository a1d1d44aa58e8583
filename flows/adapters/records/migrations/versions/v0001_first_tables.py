"""The first tables: instances, revisions, machines, operations, traces, secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """An empty database holds every table, index and trigger."""
    _create_instances()
    _create_revisions()
    _create_machines()
    _create_operations()
    _create_traces()
    _create_secrets()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _unique_where(index: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(index, table, [column], unique=True, sqlite_where=where, postgresql_where=where)


def _create_instances() -> None:
    op.create_table(
        "instances",
        _text("id"),
        _text("name"),
        _text("organization"),
        _text("status"),
        _text("reason"),
        _integer("revision"),
        sa.Column("created", _MOMENT, nullable=False),
        _json("observed"),
        sa.PrimaryKeyConstraint("id", name="pk_instances"),
    )
    _unique_where("one_living_instance_per_name", "instances", "name", "status <> 'Deleted'")


def _create_revisions() -> None:
    op.create_table(
        "revisions",
        _text("instance_id"),
        _integer("revision"),
        _json("wish"),
        sa.Column("operation", sa.BigInteger()),
        sa.Column("made", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "revision", name="pk_revisions"),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name="fk_revisions_instance_id"),
    )


def _create_machines() -> None:
    op.create_table(
        "machines",
        _text("name"),
        _text("instance_id"),
        _integer("broker"),
        _integer("generation"),
        _text("address"),
        _text("zone"),
        _text("host_key"),
        _text("data_device"),
        sa.Column("gone", _MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_machines"),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name="fk_machines_instance_id"),
    )
    op.create_index("ix_machines_instance_id", "machines", ["instance_id"])


def _create_operations() -> None:
    op.create_table(
        "operations",
        sa.Column("number", _NUMBER, sa.Identity(), nullable=False),
        _text("operation"),
        sa.Column("instance_id", sa.Text()),
        _text("instance_name"),
        _text("status"),
        sa.Column("holds", sa.Boolean(), nullable=False),
        _text("asked_by"),
        _text("door"),
        _text("run_id"),
        _text("run_link"),
        _text("run_boot"),
        sa.Column("run_pid", sa.BigInteger(), nullable=False),
        sa.Column("run_started_ticks", sa.BigInteger(), nullable=False),
        _json("request"),
        sa.Column("started", _MOMENT, nullable=False),
        sa.Column("finished", _MOMENT),
        _text("reason"),
        _json("result"),
        sa.PrimaryKeyConstraint("number", name="pk_operations"),
        sqlite_autoincrement=True,
    )
    for column in ("instance_id", "instance_name"):
        op.create_index(f"ix_operations_{column}", "operations", [column])
    holding = "status = 'running' AND holds"
    _unique_where("one_holder_per_instance", "operations", "instance_id", holding)
    _unique_where("one_holder_per_name", "operations", "instance_name", holding)


def _create_traces() -> None:
    op.create_table(
        "traces",
        sa.Column("number", _NUMBER, sa.Identity(), nullable=False),
        sa.Column("time", _MOMENT, nullable=False),
        _text("name"),
        _text("who"),
        _text("door"),
        _text("resource"),
        _json("parameters"),
        _text("result"),
        _text("rating"),
        sa.PrimaryKeyConstraint("number", name="pk_traces"),
        sqlite_autoincrement=True,
    )
    for column in ("time", "resource"):
        op.create_index(f"ix_traces_{column}", "traces", [column])
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def _create_secrets() -> None:
    op.create_table(
        "secrets",
        _text("instance_id"),
        _text("name"),
        _text("ciphertext"),
        sa.PrimaryKeyConstraint("instance_id", "name", name="pk_secrets"),
    )


_APPEND_ONLY = {
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
