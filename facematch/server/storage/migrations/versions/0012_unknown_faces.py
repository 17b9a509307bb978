"""Faces that are nobody's, for a day."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "unknown_faces",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("group_id", sa.Text(), nullable=False, comment="the same for faces that are alike"),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when the picture was taken"),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=False, comment="more is better"),
        sa.Column("embedding", sa.LargeBinary(), nullable=False, comment="128 float32, little-endian"),
        sa.Column("image", sa.LargeBinary(), nullable=False, comment="JPEG; empty: dismissed"),
    )
