"""The batch places: how many batches may be at work at once, handed out first come, first served."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Places:
    """A fair, bounded number of places.

    A batch mostly waits for its first frame, so there are more places than threads; every open frame stream costs
    every other one a little, so they are few all the same.

    Args:
        count: places.
    """

    def __init__(self, count: int) -> None:
        self._places = asyncio.Semaphore(count)  # wakes its waiters in the order in which they came
        self.waiting = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._places.release()
