"""What a zip that is written while it is sent is made of."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from facematch.server.storage.database import Database

MEDIA_TYPE: Final = "application/zip"

AT_ONCE: Final = 1000
"""Rows of one question to the database."""


class Sink:
    """Where the zip is written: what was written is taken away at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        """A zip writes."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """A zip wants it."""

    def close(self) -> None:
        """The same."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def attached(parts: AsyncIterator[bytes], name: str) -> StreamingResponse:
    """The answer that sends it, to be kept under this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(parts, media_type=MEDIA_TYPE, headers=headers)


def entry(name: str, now: datetime) -> zipfile.ZipInfo:
    """A file of the zip, for its owner alone."""
    found = zipfile.ZipInfo(name, now.timetuple()[:6])
    found.external_attr = 0o600 << 16
    return found


def text_of_json(what: Any) -> str:
    """What is written into one."""
    return json.dumps(what, indent=2, ensure_ascii=False, default=str) + "\n"


async def rows_of(database: Database, table: sa.Table, whose: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    """The rows of a table that are somebody's, by column.

    Raises:
        LogUnavailableError: the database is away.
    """
    found: list[dict[str, Any]] = []
    wanted = sa.select(table).where(whose).order_by(*table.primary_key.columns).limit(AT_ONCE)
    while part := await database.rows(wanted.offset(len(found))):
        found += [dict(zip(table.c.keys(), row, strict=True)) for row in part]
        if len(part) < AT_ONCE:
            break
    return found
