"""Events of a type in a stretch of time are found by one index."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it anew, with the time."""
    op.drop_index("ix_events_type", "events")
    op.create_index("ix_events_type", "events", ["type", "cursor", "timestamp"])
