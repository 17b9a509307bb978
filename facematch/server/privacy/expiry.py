"""People whose time has come are erased by themselves, each with a receipt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from facematch.runtime.clock import wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from facematch.server.people.store import PeopleStore
    from facematch.server.privacy.erasure import Erasures

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 60.0
AT_ONCE: Final = 10
BY: Final = "delete_at"
"""In place of a role, in the record of erasures."""


class Expiry:
    """See the module.

    Args:
        people: who says when they are to be erased.
        erasures: erases.
        now: aware time; injected by tests.
    """

    def __init__(self, people: PeopleStore, erasures: Erasures, now: Callable[[], datetime] = wall_clock) -> None:
        self._people = people
        self._erasures = erasures
        self._now = now
        self._well = True

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            more = False
            try:
                more = await self.sweep() == AT_ONCE
                self._well = True
            except OSError as error:
                if self._well:
                    log.error("People cannot be erased now; tried again", reason=str(error))  # noqa: TRY400
                self._well = False
            except Exception:
                log.exception("People could not be erased; tried again")
            await asyncio.sleep(0 if more else LOOK_SECONDS)

    async def sweep(self) -> int:
        """Erase the next few whose time has come. Returns how many.

        Raises:
            OSError: the database is away; what was begun is tried again.
        """
        due = await self._people.due(self._now(), AT_ONCE)
        for id_ in due:
            merged = await self._people.merged_into(id_)
            await self._erasures.person([id_, *(person.id for person in merged)], BY)
        return len(due)
