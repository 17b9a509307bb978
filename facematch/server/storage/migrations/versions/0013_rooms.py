"""Rooms shared among recognizers: which there are, who has them, and who had them before."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add their tables."""
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="random: tells this installation's recognizers from others"
        ),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), primary_key=True, comment="of the machine and its DATA_DIR"),
        sa.Column("boot", sa.Text(), nullable=False, comment="source of its events"),
        sa.Column("beat", _TIME, nullable=False, comment="the last one, by the database's clock"),
        sa.Column("rounds", sa.BigInteger(), nullable=False, comment="beats since it began"),
        sa.Column("capacity", sa.Double(), nullable=False, comment="frames a second"),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("sent_at", _TIME, comment="of the last beat, by its own clock"),
        sa.Column("clock_ahead", sa.Double(), nullable=False, comment="seconds, of its clock before ours"),
        sa.Column("settings_differ", sa.Text(), nullable=False, comment="JSON: sentences"),
        sa.Column("version", sa.Text()),
    )
    op.create_table(
        "rooms",
        sa.Column("room", sa.Text(), primary_key=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="rises with each owner, and never falls"),
        sa.Column("owner", sa.Text(), comment="name of a worker"),
        sa.Column("since", _TIME, comment="when its owner was given it"),
        sa.Column("arrived", sa.Boolean(), nullable=False, comment="its owner is in it"),
        sa.Column("offered", sa.Boolean(), nullable=False, comment="its owner has it until another takes it"),
        sa.Column("cost", sa.Double(), comment="frames a second of its cameras; null: not seen yet"),
        sa.Column("gone_at", _TIME, comment="when it was no more; null: it is there"),
    )
    op.create_index("ix_rooms_gone_at", "rooms", ["gone_at"])
    op.create_table(
        "room_arrivals",
        sa.Column("room", sa.Text(), primary_key=True),
        sa.Column("epoch", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", _TIME, nullable=False, comment="when the owner of this epoch was first in the room"),
    )
    op.create_index("ix_room_arrivals_at", "room_arrivals", ["at"])
