"""The event log, its position, and how far webhooks have come."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "events",
        sa.Column("cursor", _POSITION, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("room", sa.Text()),
        sa.Column("participant_identity", sa.Text()),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("track_sid", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("snapshot", sa.Text()),
        sa.Column("timestamp", _TIME, nullable=False, comment="when it happened, says the sender"),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="the event as JSON, without its cursor"),
    )
    for column in ("type", "room", "participant_identity", "participant_id", "track_sid"):
        op.create_index(f"ix_events_{column}", "events", [column, "cursor"])
    op.create_index("ix_events_source", "events", ["source", "seq"])
    for column in ("snapshot", "timestamp", "received_at"):
        op.create_index(f"ix_events_{column}", "events", [column])
    position = op.create_table(
        "log_position",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("latest", sa.BigInteger(), nullable=False, comment="position of the last event there has been"),
        sa.Column("first", sa.BigInteger(), nullable=False, comment="position before the first event there has been"),
        sa.Column("kept", sa.BigInteger(), nullable=False, comment="rows of events"),
    )
    # A new log begins beyond the positions of any older one: a listener that comes back with one of those gets
    # everything that the new log holds.
    first = int(time.time() * 1000)
    op.bulk_insert(position, [{"id": 1, "latest": first, "first": first, "kept": 0}])
    op.create_table(
        "webhooks",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("cursor", sa.BigInteger(), nullable=False, comment="position of the last event that is settled"),
        sa.Column("dead", sa.BigInteger(), nullable=False, comment="events given up so far"),
    )
    op.create_table(
        "webhook_dead_letters",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("cursor", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_up_at", _TIME, nullable=False),
    )
