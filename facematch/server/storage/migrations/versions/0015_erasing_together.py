"""What is being erased, for whichever process takes an event of it or hears that it is done."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables. What is not finished yet is in the first of them from now on, too."""
    made = op.create_table(
        "erasing",
        sa.Column("erasure_id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False, comment="participant, reference or person"),
        sa.Column("subject", sa.Text(), nullable=False, comment="as JSON"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False, comment="the last moment of what is erased"),
        sa.Column(
            "ends_at",
            sa.DateTime(timezone=True),
            comment="when the last late event may have come; null: not finished",
        ),
    )
    if op.get_context().dialect.name == "postgresql":
        before = sa.table("erasures", *map(sa.column, ("id", "kind", "subject", "requested_at")))
        pending = sa.select(before.c.id, before.c.kind, before.c.subject, before.c.requested_at)
        pending = pending.where(before.c.subject.is_not(None))
        op.execute(sa.insert(made).from_select(["erasure_id", "kind", "subject", "until"], pending))
    op.create_table(
        "turned_away",
        sa.Column("event_id", sa.Uuid(), primary_key=True),
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("snapshot", sa.Text(), comment="null: there is none, or it has been removed"),
    )
    op.create_index("ix_turned_away_erasure_id", "turned_away", ["erasure_id"])
    op.create_table(
        "erasure_confirmations",
        sa.Column("erasure_id", sa.Uuid(), primary_key=True),
        sa.Column("source", sa.Text(), primary_key=True, comment="a start of a recognizer"),
        sa.Column("events", sa.BigInteger(), nullable=False, comment="removed from its outbox"),
    )
