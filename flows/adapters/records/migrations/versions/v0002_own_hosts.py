"""Own hosts: the login that a machine is reached by, and which hosts are taken by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Machines that are known already are the lab's: root, port 22."""
    op.add_column("machines", sa.Column("user", sa.Text(), nullable=False, server_default="root"))
    op.add_column("machines", sa.Column("port", sa.Integer(), nullable=False, server_default="22"))
    op.create_table(
        "taken_hosts",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("taken", _MOMENT, nullable=False),
        sa.Column("to_be_cleaned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_taken_hosts"),
        sa.UniqueConstraint("machine", name="uq_taken_hosts_machine"),
    )
