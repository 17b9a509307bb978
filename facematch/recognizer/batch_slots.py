"""The batch slots: how many batches may be at work at once, handed out fairly among participants."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable


@dataclass(eq=False, slots=True)
class _Turn:
    whose: Hashable
    tag: int
    given: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class BatchSlots:
    """A bounded number of slots, fair per participant first: whoever has many tracks waits for them by himself.

    A batch mostly waits for its first frame, so there are more slots than threads; every open frame stream costs
    every other one a little, so they are few all the same.

    Each turn that somebody asks for is of the round after the one being served, or after the last that he has asked
    for: rounds are served in order, and within a round first come, first served. So nobody waits for more than two
    batches of each other participant, whatever the others ask for, and nobody waits for ever, whoever comes new. No
    participant has more than half of the slots at once: who comes new then finds one.

    Args:
        count: slots.

    Source of the rounds: P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing", SIGCOMM 1996.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        """Slots when memory is not short."""
        self._limit = count
        self._taken: Counter[Hashable] = Counter()
        self._queue: list[_Turn] = []
        self._round = 0
        """Of the turn that was given last."""
        self._asked: dict[Hashable, int] = {}
        """The last round that each participant has asked for, where that is still to come."""

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._queue)

    @property
    def limit(self) -> int:
        """Slots handed out now, at least 1. Lowering it takes none away: it waits for those that come back."""
        return self._limit

    @limit.setter
    def limit(self, slots: int) -> None:
        self._limit = max(1, min(self.count, slots))
        self._hand_out()

    @asynccontextmanager
    async def one(self, whose: Hashable) -> AsyncIterator[None]:
        """Wait for a slot and hold it.

        Args:
            whose: the participant's; all of his tracks give the same.
        """
        await self._take(whose)
        try:
            yield
        finally:
            self._give_back(whose)

    async def _take(self, whose: Hashable) -> None:
        turn = _Turn(whose, max(self._round, self._asked.get(whose, 0)) + 1)
        self._asked[whose] = turn.tag
        self._queue.append(turn)
        self._hand_out()
        try:
            await turn.given
        except asyncio.CancelledError:
            if turn in self._queue:
                self._queue.remove(turn)
            else:
                self._give_back(whose)  # it was handed over in the very moment of the cancellation
            raise

    def _give_back(self, whose: Hashable) -> None:
        self._taken[whose] -= 1
        if not self._taken[whose]:
            del self._taken[whose]
        self._hand_out()

    def _hand_out(self) -> None:
        while self._taken.total() < self._limit and (turn := self._next()) is not None:
            self._queue.remove(turn)
            self._round = max(self._round, turn.tag)
            self._asked = {whose: tag for whose, tag in self._asked.items() if tag >= self._round}
            self._taken[turn.whose] += 1
            turn.given.set_result(None)

    def _next(self) -> _Turn | None:
        share = max(1, self._limit // 2)
        free = (turn for turn in self._queue if not turn.given.done() and self._taken[turn.whose] < share)
        return min(free, key=lambda turn: turn.tag, default=None)
