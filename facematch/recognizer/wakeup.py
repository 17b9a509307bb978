"""A wake-up call for one waiting task, which then looks for itself what has changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Wakeup:
    """LiveKit's callbacks are synchronous and come at any time: they only call `notify`; one task decides."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.count = 0
        """How often `notify` was called: who remembers it can tell that something came since."""

    def notify(self) -> None:
        """Something may have changed. Never blocks; calls between two looks count once."""
        self.count += 1
        self._event.set()

    async def until(self, holds: Callable[[], bool], seconds: float | None) -> bool:
        """Wait until `holds()` is true, at most `seconds` (None: for ever).

        Returns:
            What `holds()` says at the end.
        """
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._event.clear()
                    await self._event.wait()
        except TimeoutError:
            return holds()
        return True
