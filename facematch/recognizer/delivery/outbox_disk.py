"""The outbox's store behind a thread of its own: what is asked of it never holds up the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from facematch.recognizer.delivery.outbox_file import is_damage

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.recognizer.delivery.outbox_store import OutboxStore

log = structlog.get_logger(__name__)

_T = TypeVar("_T")


class OutboxDamagedError(Exception):
    """The outbox's file is damaged: it would stand in the way of every event for ever. The next start replaces it."""


class OutboxDisk:
    """One call at a time, in the order in which they are made.

    Args:
        store: what the calls are about; closed by this object.
    """

    def __init__(self, store: OutboxStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self.well = True
        """False while it takes nothing."""

    async def call(self, call: Callable[..., _T], *args: Any) -> _T:
        """The call's result. Who waits for it may be cancelled: the call is made all the same.

        Raises:
            OutboxDamagedError: the file is damaged.
            OSError, sqlite3.Error: the disk does not do it now.
        """
        try:
            return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, call, *args))
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            log.error("Outbox damaged: the recognizer ends, and its next start replaces the file", reason=str(error))  # noqa: TRY400
            raise OutboxDamagedError(str(error)) from error

    def note(self, failure: Exception | None = None) -> None:
        """Whether a call worked: one line for each change, not one per call."""
        if failure and self.well:
            log.error("Outbox cannot be written; events are kept in memory", reason=str(failure))
        elif not failure and not self.well:
            log.info("Outbox can be written again")
        self.well = failure is None

    async def aclose(self) -> None:
        """Close the store."""
        await self.call(self._store.close)
        self._thread.shutdown(wait=True)
