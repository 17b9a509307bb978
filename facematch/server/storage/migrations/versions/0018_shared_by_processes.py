"""What web processes have to know of each other: tries, looks that are wanted, ended logins, and their settings."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their tables."""
    op.create_table(
        "tries",
        sa.Column("what", sa.Text(), primary_key=True, comment="is tried"),
        sa.Column("client", sa.Text(), primary_key=True, comment="an address, or all others together"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, comment="by the database's clock"),
    )
    op.create_table(
        "looks",
        sa.Column("identity", sa.Text(), primary_key=True),
        sa.Column("batches", sa.Text(), nullable=False, comment="that each camera had had, as JSON"),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, comment="by the database's clock"),
    )
    op.create_table(
        "replicas",
        sa.Column("process", sa.Text(), primary_key=True, comment="a start of a web process"),
        sa.Column("name", sa.Text(), nullable=False, comment="of its machine, and its port"),
        sa.Column("settings", sa.Text(), nullable=False, comment="JSON: those that all have to have alike"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="by the database's clock"),
    )
    op.create_table(
        "expulsions",
        sa.Column("login", sa.Text(), primary_key=True, comment="empty: all that were begun until then"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
    )
