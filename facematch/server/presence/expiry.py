"""Keeping statistics for no longer than is meant."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from facematch.runtime.clock import wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from facematch.server.presence.store import PresenceStore

log = structlog.get_logger(__name__)

PASS_SECONDS: Final = 600.0
"""They go by days."""


class StatisticsExpiry:
    """Removes presence and figures of days that are too long ago.

    Args:
        store: of both.
        days: for which they are kept.
        now: aware time; injected by tests.
    """

    def __init__(self, store: PresenceStore, days: float, now: Callable[[], datetime] = wall_clock) -> None:
        self._store = store
        self._days = days
        self._now = now

    async def run(self) -> None:
        """Pass after pass, for ever."""
        while True:
            try:
                if count := await self._store.expire(self._now() - timedelta(days=self._days)):
                    log.info("Statistics have expired", rows=count)
            except OSError as error:
                log.warning("Statistics that are too old cannot be removed now; tried again", reason=str(error))
            except Exception:  # a fault of ours must not end it
                log.exception("Statistics do not expire; tried again")
            await asyncio.sleep(PASS_SECONDS)
