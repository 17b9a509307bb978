"""Presence knows the best score of its looks, and what came before a look of a camera is found at once."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of what there is already nobody knows it."""
    op.add_column("presence", sa.Column("best", sa.Double(), comment="smallest distance of its looks; null: not known"))
    op.drop_index("ix_presence_track", "presence")
    op.create_index("ix_presence_track", "presence", ["track", "ended"])
