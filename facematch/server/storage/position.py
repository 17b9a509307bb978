"""The position of the event log: the one row that every writer locks first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import sqlalchemy as sa

from facematch.server.storage.errors import LogUnavailableError
from facematch.server.storage.schema import gallery, position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection


class Position(NamedTuple):
    """How far it is."""

    latest: int
    """The last position given out."""
    folded: int
    """Up to where presence was derived."""
    erased: int
    """Times that something derived was erased."""
    gallery: int
    """The gallery's version: it is another one when people were merged, split or erased."""


POSITION: Final = (
    position.c.latest,
    position.c.folded,
    position.c.erased,
    sa.select(gallery.c.version).scalar_subquery().label("gallery"),
)
"""Its columns."""

_LOCK: Final = sa.select(*POSITION).with_for_update()


async def lock_position(connection: AsyncConnection) -> Position:
    """Read it; nobody else changes it, or the log, before this transaction has ended."""
    return position_in((await connection.execute(_LOCK)).one_or_none())


async def count_erasure(connection: AsyncConnection) -> None:
    """Something derived was erased: whoever remembers it reads it again."""
    await connection.execute(sa.update(position).values(erased=position.c.erased + 1))


def position_in(row: Sequence[int] | None) -> Position:
    """What a row of `POSITION` says."""
    if row is None:
        raise LogUnavailableError("the event log has lost its position: restore it from a copy")
    return Position(*row)
