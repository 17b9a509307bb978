"""Ringing for the other processes on one PostgreSQL: something has changed, and the tables say what.

A bell carries nothing. One that is lost costs time and never an event: who is rung for reads from where it stands, and
looks by itself every other second.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy.ext.asyncio import AsyncConnection

CHANNEL: Final = "face_match"


class Bell(StrEnum):
    """What has changed."""

    LOG = "log"
    """Events were appended."""
    ERASURES = "erasures"
    """Something is to be erased, was removed, or confirmed."""
    LOGINS = "logins"
    """A login has ended."""
    GALLERY = "gallery"
    DIRECTIONS = "directions"
    """Somebody is to be looked at now, or not any more."""


def rung(bell: Bell) -> sa.Function[Any]:
    """What rings when the transaction that it is part of has been committed. For PostgreSQL."""
    return sa.func.pg_notify(CHANNEL, bell.value)


async def ring(connection: AsyncConnection, bell: Bell) -> None:
    """Ring when this transaction has been committed. On SQLite nobody else is there to hear it."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(rung(bell)))
