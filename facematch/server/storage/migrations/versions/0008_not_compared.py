"""Participants who are not to be looked at."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "not_compared",
        sa.Column("identity", sa.Text(), primary_key=True),
        sa.Column("by", sa.Text(), nullable=False, comment="in which role"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
