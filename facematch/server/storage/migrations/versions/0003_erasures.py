"""What was erased, and what the recognizer has still to erase."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False, comment="participant or reference"),
        sa.Column("requested_at", _TIME, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False, comment="a role, and how it was shown; nobody's name"),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("subject_hash", sa.LargeBinary(), nullable=False, comment="scrypt of whom it was about"),
        sa.Column(
            "participant_identity", sa.Text(), comment="as JSON; null as soon as nobody has to be told it any more"
        ),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("snapshots", sa.BigInteger(), nullable=False),
        sa.Column("undelivered_events", sa.BigInteger(), comment="null: the recognizer has not answered yet"),
        sa.Column("done_at", _TIME, comment="null: the recognizer has not answered yet"),
    )
    op.create_index("ix_erasures_requested_at", "erasures", ["requested_at"])
