"""Who was where and when, derived from the log; the next start fills it from what the log holds."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add two tables, and how far they are."""
    for name, comment in (("folded", "presence is derived up to here"), ("erased", "times that presence was erased")):
        column = sa.Column(name, sa.BigInteger(), nullable=False, server_default="0", comment=comment)
        op.add_column("log_position", column)
    op.create_table(
        "presence",
        sa.Column("first_cursor", _POSITION, primary_key=True, autoincrement=False, comment="the event that began it"),
        sa.Column("source", sa.Text(), nullable=False, comment="as all texts here, empty when there is none"),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("track", sa.Text(), nullable=False),
        sa.Column("sight", sa.Text(), nullable=False, comment="seen, not_seen, unknowable; absent, away"),
        sa.Column("people", sa.Text(), nullable=False, comment="persons who were named, as JSON"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False, comment="in UTC, as 2025-09-25"),
        sa.Column("began", sa.Double(), nullable=False, comment="seconds of the recognizer's steady clock: first look"),
        sa.Column("first_ended", sa.Double(), nullable=False),
        sa.Column("last_began", sa.Double(), nullable=False, comment="last look"),
        sa.Column("ended", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False, comment="first_ended on the wall clock, seconds since 1970"),
        sa.Column("last_at", sa.Double(), nullable=False, comment="ended on the wall clock"),
        sa.Column("looks", sa.BigInteger(), nullable=False),
        sa.Column("longest_gap", sa.Double(), nullable=False, comment="seconds"),
        sa.Column("open", sa.Boolean(), nullable=False, comment="nothing has come after it"),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("nameless", sa.Boolean(), nullable=False, comment="the name stands for an identity"),
    )
    op.create_index("ix_presence_day", "presence", ["day"])
    op.create_index("ix_presence_identity", "presence", ["identity", "day"])
    op.create_index("ix_presence_track", "presence", ["track"])
    op.create_index("ix_presence_reference_id", "presence", ["reference_id"])
    is_open = sa.text("open")
    op.create_index("ix_presence_open", "presence", ["source"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "daily_figures",
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("identity", sa.Text(), primary_key=True),
        sa.Column("room", sa.Text(), primary_key=True),
        sa.Column("person_id", sa.Text(), primary_key=True, comment="empty: of the participant, whoever was seen"),
        sa.Column("seen", sa.BigInteger(), nullable=False, comment="looks"),
        sa.Column("not_seen", sa.BigInteger(), nullable=False),
        sa.Column("unknowable", sa.BigInteger(), nullable=False),
        sa.Column(
            "seconds", sa.Double(), nullable=False, comment="between the first and the last look of each run of seen"
        ),
        sa.Column("first_at", sa.Double(), comment="of what was seen, seconds since 1970; null: nothing"),
        sa.Column("last_at", sa.Double()),
    )
    op.create_index("ix_daily_figures_identity", "daily_figures", ["identity", "day"])
