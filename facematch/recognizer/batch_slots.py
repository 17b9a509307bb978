"""The batch slots: how many batches may be at work at once, handed out fairly among participants."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

MOST_CROWDED = 3
"""At most so many times as many batches as there are slots have pictures coming at once: what was asked for comes when
it likes. Where the processor is short, more of them only keep each other's streams open for longer."""


SLOTS_PER_CORE = 4
LEAST_SLOTS = 8


def slots_for(cores: int) -> int:
    """Slots where none are set: a core decodes and searches the pictures of several cameras at a time."""
    return max(LEAST_SLOTS, SLOTS_PER_CORE * cores)


class Share(IntEnum):
    """How much of a slot a batch has, in quarters."""

    NOTHING = 0
    """Its camera lets it wait: that costs nothing and keeps nobody from anything."""
    QUARTER = 1
    """One picture has been asked for and will do, if the person is still there; or the last is being written."""
    HALF = 2
    """Pictures have been asked for and may come at any moment, all at once."""
    WHOLE = 4
    """Pictures come: they are decoded, and searched."""


@dataclass(eq=False, slots=True)
class _Turn:
    whose: Hashable
    tag: int
    given: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class BatchSlots:
    """A bounded number of slots, fair per participant first: whoever has many tracks waits for them by himself.

    What is scarce is the processor, and streams that are decoded. Until its first picture comes a batch costs next to
    nothing, so that it is let in by a slot and then has only a `Share` of it, and none when its camera takes long.

    Each turn that somebody asks for is of the round after the one being served, or after the last that he has asked
    for: rounds are served in order, and within a round first come, first served. So nobody waits for more than two
    batches of each other participant, whatever the others ask for, and nobody waits for ever, whoever comes new. No
    participant has more batches than half as many as there are slots at once, those that have pictures and those that
    may have some at any moment: who comes new then finds one.

    Args:
        count: slots.

    Source of the rounds: P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing", SIGCOMM 1996.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        """Slots when memory is not short."""
        self._limit = count
        self._taken = 0
        """Quarters of slots."""
        self._batches: Counter[Hashable] = Counter()
        """Those that have a share of a slot, by participant."""
        self._with_pictures = 0
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
    async def one(self, whose: Hashable) -> AsyncIterator[Slot]:
        """Wait for a slot and hold it, the whole of it at first.

        Args:
            whose: the participant's; all of his tracks give the same.
        """
        await self._take(whose)
        slot = Slot(self, whose)
        try:
            yield slot
        finally:
            self._change(whose, slot.share, Share.NOTHING)

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
            else:  # it was handed over in the very moment of the cancellation
                self._change(whose, Share.WHOLE, Share.NOTHING)
            raise

    def _change(self, whose: Hashable, before: Share, after: Share) -> None:
        self._taken += after - before
        self._batches[whose] += bool(after) - bool(before)
        if not self._batches[whose]:
            del self._batches[whose]
        self._with_pictures += (after is Share.WHOLE) - (before is Share.WHOLE)
        if after < before:
            self._hand_out()

    def _hand_out(self) -> None:
        while self._taken + Share.WHOLE <= self._limit * Share.WHOLE and (turn := self._next()) is not None:
            self._queue.remove(turn)
            self._round = max(self._round, turn.tag)
            self._asked = {whose: tag for whose, tag in self._asked.items() if tag >= self._round}
            self._change(turn.whose, Share.NOTHING, Share.WHOLE)
            turn.given.set_result(None)

    def _next(self) -> _Turn | None:
        most = max(1, self._limit // 2)
        free = (turn for turn in self._queue if not turn.given.done() and self._batches[turn.whose] < most)
        return min(free, key=lambda turn: turn.tag, default=None)

    def _crowded(self) -> bool:
        return self._with_pictures >= MOST_CROWDED * self._limit


class Slot:
    """What one batch has of the slots, while it is at work.

    Args:
        slots: they.
        whose: the participant's.
    """

    def __init__(self, slots: BatchSlots, whose: Hashable) -> None:
        self._slots = slots
        self._whose = whose
        self.share = Share.WHOLE

    def keep_a_half(self) -> None:
        """Pictures are expected."""
        self._become(Share.HALF)

    def keep_a_quarter(self) -> None:
        """One picture is expected, or what it showed is being told."""
        self._become(Share.QUARTER)

    def keep_nothing(self) -> None:
        """The camera lets us wait."""
        self._become(Share.NOTHING)

    def take_whole(self) -> bool:
        """Pictures come.

        Returns:
            False when too many others have them already: these have to be stopped.
        """
        if self.share is not Share.WHOLE and self._slots._crowded():  # noqa: SLF001
            return False
        self._become(Share.WHOLE)
        return True

    def _become(self, share: Share) -> None:
        if share is not self.share:
            before, self.share = self.share, share
            self._slots._change(self._whose, before, share)  # noqa: SLF001
