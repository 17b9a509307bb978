"""What somebody has to look at, and the name that people give when they sign in."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add a table, and whose a login is."""
    op.add_column("sessions", sa.Column("name", sa.Text(), comment="their own, as they gave it when they signed in"))
    if op.get_bind().dialect.name != "sqlite":  # which keeps no comments
        op.alter_column("erasures", "requested_by", comment="own name, role, and how that was shown")
    op.create_table(
        "alarms",
        sa.Column(
            "cursor", _POSITION, primary_key=True, autoincrement=False, comment="of the event that it follows from"
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="match, someone_else, face_changed"),
        sa.Column("room", sa.Text(), nullable=False, comment="as all texts here, empty when there is none"),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False, comment="who they are supposed to be"),
        sa.Column("seen_person_id", sa.Text(), nullable=False, comment="who was seen"),
        sa.Column("match_cursor", _POSITION, comment="of the Match that shows it; null: none does"),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=False, comment="when the same was seen last"),
        sa.Column("sights", sa.BigInteger(), nullable=False, comment="how often"),
        sa.Column("acknowledged_by", sa.Text(), nullable=False, comment="empty: it is open"),
        sa.Column("acknowledged_at", _TIME),
        sa.Column("verdict", sa.Text(), nullable=False, comment="right, wrong; empty: nobody has said"),
        sa.Column("judged_by", sa.Text(), nullable=False),
        sa.Column("judged_at", _TIME),
    )
    op.create_index("ix_alarms_id", "alarms", ["id"], unique=True)
    op.create_index("ix_alarms_of", "alarms", ["identity", "room", "cursor"])
    op.create_index("ix_alarms_seen_person_id", "alarms", ["seen_person_id"])
    op.create_index("ix_alarms_person_id", "alarms", ["person_id"])
    still_open = sa.text("acknowledged_by = ''")
    op.create_index("ix_alarms_open", "alarms", ["cursor"], sqlite_where=still_open, postgresql_where=still_open)
