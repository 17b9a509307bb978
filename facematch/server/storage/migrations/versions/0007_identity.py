"""Who participants are supposed to be, and whether they are."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add two tables, and whom an invitation names."""
    comment = "who whoever has it is supposed to be"
    op.add_column("sessions", sa.Column("person_id", sa.Text(), comment=comment))
    op.create_table(
        "bindings",
        sa.Column("identity", sa.Text(), primary_key=True),
        sa.Column("room", sa.Text(), primary_key=True, comment="empty: every room without one of its own"),
        sa.Column("person_id", sa.Text(), nullable=False, comment="who was merged since stands for whom they are now"),
        sa.Column("valid_until", _TIME),
        sa.Column("by", sa.Text(), nullable=False, comment="in which role, or by what"),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("cursor", _POSITION, nullable=False, comment="of the event that says so: looks after it count"),
    )
    op.create_index("ix_bindings_person_id", "bindings", ["person_id"])
    op.create_table(
        "identity_state",
        sa.Column("room", sa.Text(), primary_key=True, comment="empty when there is none"),
        sa.Column("identity", sa.Text(), primary_key=True),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("was", sa.Text(), nullable=False, comment="the state before; empty: there was none"),
        sa.Column("person_id", sa.Text(), nullable=False, comment="who they are supposed to be"),
        sa.Column("seen_person_id", sa.Text(), nullable=False, comment="who was recognised instead"),
        sa.Column("looks", sa.BigInteger(), nullable=False, comment="on how many it rests"),
        sa.Column("certainty", sa.Text(), nullable=False),
        sa.Column("swapped", sa.Boolean(), nullable=False, comment="and not acknowledged yet"),
        sa.Column(
            "acknowledged", _POSITION, nullable=False, comment="of the last event that says that somebody was; 0: none"
        ),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("cursor", _POSITION, nullable=False, comment="of the event that it follows from"),
    )
    op.create_index("ix_identity_state_identity", "identity_state", ["identity"])
