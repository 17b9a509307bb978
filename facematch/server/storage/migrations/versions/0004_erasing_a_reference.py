"""What came of a reference can be found and erased, too."""

# ruff: noqa: INP001  (Alembic loads these files by path)

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000


def upgrade() -> None:
    """Give events their reference as a column; what is pending may be about one."""
    op.add_column("events", sa.Column("reference_id", sa.Text()))
    _fill()
    op.create_index("ix_events_reference_id", "events", ["reference_id", "cursor"])
    op.execute("ALTER TABLE erasures RENAME COLUMN participant_identity TO subject")


def _fill() -> None:
    """From the events themselves. Not by the database: PostgreSQL looks into no JSON that holds U+0000 somewhere."""
    events = sa.table("events", sa.column("cursor"), sa.column("body"), sa.column("reference_id"))
    page = sa.select(events.c.cursor, events.c.body).order_by(events.c.cursor).limit(_AT_ONCE)
    fill = sa.update(events).where(events.c.cursor == sa.bindparam("at")).values(reference_id=sa.bindparam("used"))
    connection, last = op.get_bind(), -1
    while rows := connection.execute(page.where(events.c.cursor > last)).all():
        used = [(cursor, json.loads(body).get("reference_id")) for cursor, body in rows]
        known = [{"at": cursor, "used": id_.replace("\x00", "\ufffd")} for cursor, id_ in used if id_ is not None]
        if known:
            connection.execute(fill, known)
        last = rows[-1].cursor
