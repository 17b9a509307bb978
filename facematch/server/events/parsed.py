"""Events of the log as they were told, read inside a transaction: what is derived from the log is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from pydantic import TypeAdapter

from facematch.protocol.events import Event
from facematch.server.storage.schema import events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Event)
"""Reads the body of a row."""


async def events_after(
    connection: AsyncConnection, after: int, up_to: int, most: int, *only: sa.ColumnElement[bool]
) -> list[tuple[int, Event]]:
    """Position and event, in order.

    Args:
        connection: in the transaction.
        after: the position before the first.
        up_to: the last position that counts.
        most: of them at once.
        only: those for which all of these hold.
    """
    rows = sa.select(events.c.cursor, events.c.body).where(events.c.cursor > after, events.c.cursor <= up_to, *only)
    found = await connection.execute(rows.order_by(events.c.cursor).limit(most))
    return [(int(cursor), EVENT.validate_json(body)) for cursor, body in found]


async def all_events(
    connection: AsyncConnection, up_to: int, most: int, *only: sa.ColumnElement[bool]
) -> AsyncIterator[list[tuple[int, Event]]]:
    """`events_after` from the first to the last, so many at once."""
    last = -1
    while page := await events_after(connection, last, up_to, most, *only):
        yield page
        last = page[-1][0]
