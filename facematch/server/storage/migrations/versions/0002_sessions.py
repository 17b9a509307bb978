"""Logins and invitations."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create their table."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), primary_key=True, comment="hash of the token, which is kept nowhere"),
        sa.Column("kind", sa.Text(), nullable=False, comment="login or invitation"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), comment="the only room that it is good for"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
    )
