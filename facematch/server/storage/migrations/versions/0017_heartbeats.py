"""The last account of each recognizer, for processes that it does not report to."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "heartbeats",
        sa.Column("room", sa.Text(), primary_key=True),
        sa.Column("source", sa.Text(), primary_key=True, comment="a start of a recognizer"),
        sa.Column("body", sa.Text(), nullable=False, comment="its last heartbeat, as JSON"),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False, comment="by the database's clock"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="by the database's clock"),
        sa.Column("names", sa.Boolean(), nullable=False, comment="whether it may name participants"),
    )
