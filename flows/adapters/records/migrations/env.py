"""Runs the migrations on the connection that `upgrade` opened."""

from __future__ import annotations

from alembic import context

from flows.adapters.records.guards import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
