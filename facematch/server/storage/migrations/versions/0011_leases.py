"""Work that one process does at a time."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table, and how the webhook goes."""
    op.add_column(
        "webhooks",
        sa.Column("progress", sa.Text(), comment="how it goes, as JSON, for processes that do not deliver"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), primary_key=True, comment="of the work that one process does at a time"),
        sa.Column("holder", sa.Text(), nullable=False, comment="that process; another for each of its starts"),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="rises when another process takes it"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False, comment="by the database's clock"),
    )
