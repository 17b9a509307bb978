"""Who was in which rooms all the time, asked of LiveKit ten times a second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.rig.room_watchers import RoomWatchers

EVERY_SECONDS = 0.1


class WatchRecord:
    """A context manager; asks until it is left.

    Args:
        watchers: asked.
        rooms: about these.
    """

    def __init__(self, watchers: RoomWatchers, rooms: Sequence[str]) -> None:
        self._watchers = watchers
        self._rooms = rooms
        self._samples: list[tuple[float, dict[str, list[str]]]] = []
        """When (`time.monotonic`), and the identities in each room."""

    async def __aenter__(self) -> Self:
        await self._look()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()  # LiveKit did not answer: what was not seen proves nothing

    @property
    def now(self) -> Mapping[str, list[str]]:
        """By the last look."""
        return self._samples[-1][1]

    @property
    def looks(self) -> int:
        """How many there were."""
        return len(self._samples)

    def until_newer(self, epochs: Mapping[str, int], since: float) -> dict[str, float]:
        """Seconds from then until somebody with a larger epoch was in each room; rooms where nobody was are missing."""
        taken: dict[str, float] = {}
        for at, rooms in self._samples:
            for room, epoch in epochs.items():
                if at >= since and room not in taken and any(epoch_in(who) > epoch for who in rooms[room]):
                    taken[room] = at - since
        return taken

    def longest(self, holds: Callable[[list[str]], bool], since: float) -> dict[str, float]:
        """Of each room, the seconds for which that was so of its identities at most, without a break."""
        longest, began = dict.fromkeys(self._rooms, 0.0), dict[str, float]()
        for at, rooms in self._samples:
            for room, who in rooms.items():
                if room in began:
                    longest[room] = max(longest[room], at - began[room])
                if at < since or not holds(who):
                    began.pop(room, None)
                else:
                    began.setdefault(room, at)
        return longest

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self._look()

    async def _look(self) -> None:
        found = await asyncio.gather(*(self._watchers.of(room) for room in self._rooms))
        self._samples.append((time.monotonic(), dict(zip(self._rooms, found, strict=True))))


def epoch_in(identity: str) -> int:
    """Of a recognizer's identity in a room that it was given."""
    return int(identity.rpartition("-")[2])
