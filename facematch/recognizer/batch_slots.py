"""The batch slots: how many batches may be at work at once, handed out first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class BatchSlots:
    """A fair, bounded number of slots.

    A batch mostly waits for its first frame, so there are more slots than threads; every open frame stream costs
    every other one a little, so they are few all the same.

    Args:
        count: slots.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        """BatchSlots when memory is not short."""
        self._limit = count
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    @property
    def limit(self) -> int:
        """BatchSlots handed out now, at least 1. Lowering it takes none away: it waits for those that come back."""
        return self._limit

    @limit.setter
    def limit(self, slots: int) -> None:
        self._limit = max(1, min(self.count, slots))
        self._hand_out()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        await self._take()
        try:
            yield
        finally:
            self._give_back()

    async def _take(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()  # it was handed over in the very moment of the cancellation
            else:
                with suppress(ValueError):
                    self._queue.remove(turn)
            raise

    def _give_back(self) -> None:
        self._taken -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._queue and self._taken < self._limit:
            turn = self._queue.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
