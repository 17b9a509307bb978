"""What people said of events."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "verdicts",
        sa.Column("cursor", _POSITION, primary_key=True, autoincrement=False, comment="of the event"),
        sa.Column("verdict", sa.Text(), nullable=False, comment="right, wrong"),
        sa.Column("by", sa.Text(), nullable=False, comment="role of whoever said it"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
