"""Alembic's entry: runs the migrations on the connection that `migrate` hands over, in its transaction."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

from alembic import context

from facematch.server.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's too: nothing is committed between two statements
)
with context.begin_transaction():
    context.run_migrations()
