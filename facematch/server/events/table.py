"""The log as a table, in parts: read and made while it is sent, so that it may be of any length."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from facematch.server.web.csv_table import heading, lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from facematch.server.events.log import Entry, EventLog, Filter, Page

AT_ONCE: Final = 500
"""Events of one part."""


async def rows_in_parts(event_log: EventLog, page: Page, only: Filter, columns: Sequence[str]) -> AsyncIterator[str]:
    """The heading with the first events, then the others.

    Args:
        event_log: where they are.
        page: between which positions, in which order, and how many make a part.
        only: which.
        columns: fields of events.

    Raises:
        LogUnavailableError: it cannot be read; what came until then is not all.
    """
    head = heading(columns)
    while True:
        found = await event_log.page(page, only)
        yield head + await asyncio.to_thread(_part, found, columns)
        head = ""
        if len(found) < page.limit:
            return
        last = found[-1].cursor
        page = replace(page, before=last) if page.newest_first else replace(page, after=last)


def _part(found: Sequence[Entry], columns: Sequence[str]) -> str:
    return lines(columns, (json.loads(entry.text) for entry in found))
