"""Who was in which rooms all the time, asked of LiveKit ten times a second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple, Self

import aiohttp

from bench.report import percentile
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.rig.room_watchers import RoomWatchers

EVERY_SECONDS = 0.1
TAKEN_OVER_SECONDS = 30


class Spell(NamedTuple):
    """Something was so of a room without a break; times are `time.monotonic`."""

    room: str
    began: float
    ended: float
    """The first look that saw otherwise."""
    seen: float
    """The last look that saw it."""

    @property
    def seconds(self) -> float:
        """At most; on a busy machine looks are far apart."""
        return self.ended - self.began

    @property
    def at_least(self) -> float:
        """Seconds."""
        return self.seen - self.began


class WatchRecord:
    """A context manager; asks until it is left.

    Args:
        watchers: asked.
        rooms: about these.
        livekit_may_be_away: what it does not answer then is not known, and no fault.
    """

    def __init__(self, watchers: RoomWatchers, rooms: Sequence[str], *, livekit_may_be_away: bool = False) -> None:
        self._watchers = watchers
        self._rooms = rooms
        self._passing: tuple[type[Exception], ...] = (aiohttp.ClientError, TimeoutError) if livekit_may_be_away else ()
        self._samples: list[tuple[float, dict[str, list[str]]]] = []
        """When (`time.monotonic`), and the identities in each room, as far as it is known."""

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
                there = rooms.get(room, ())
                if at >= since and room not in taken and any(epoch_in(who) > epoch for who in there):
                    taken[room] = at - since
        return taken

    async def taken_over(self, held: Mapping[str, int], since: float) -> None:
        """Return when each of these rooms has its next owner in it, and nobody else.

        Args:
            held: rooms, and the epochs under which they were held.
            since: when they began to be lost.
        """

        def so() -> bool:
            who = [self.now.get(room, []) for room in held]
            return len(self.until_newer(held, since)) == len(held) and all(len(one) == 1 for one in who)

        assert held, "it has rooms that can be taken over"
        await wait_until_true(so, within=TAKEN_OVER_SECONDS, what="each room has its next owner, and nobody else")

    def longest(self, holds: Callable[[list[str]], bool], since: float) -> dict[str, float]:
        """Of each room, the seconds for which that was so of its identities at most, without a break."""
        longest = dict.fromkeys(self._rooms, 0.0)
        for spell in self.spells(holds, since):
            longest[spell.room] = max(longest[spell.room], spell.seconds)
        return longest

    def spells(self, holds: Callable[[list[str]], bool], since: float) -> Iterator[Spell]:
        """When that was so of a room's identities; a look without an answer ends a spell."""
        began: dict[str, float] = {}
        seen: dict[str, float] = {}
        for at, rooms in self._samples:
            for room in self._rooms:
                who = rooms.get(room)
                if who is not None and at >= since and holds(who):
                    began.setdefault(room, at)
                    seen[room] = at
                elif room in began:
                    yield Spell(room, began.pop(room), at, seen[room])
        yield from (Spell(room, at, seen[room], seen[room]) for room, at in began.items())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            found = await asyncio.gather(*(self._watchers.of(room) for room in self._rooms))
        except self._passing:
            self._samples.append((time.monotonic(), {}))
            return
        self._samples.append((time.monotonic(), dict(zip(self._rooms, found, strict=True))))


def epoch_in(identity: str) -> int:
    """Of a recognizer's identity in a room that it was given."""
    return int(identity.rpartition("-")[2])


def again_figures(took: list[float]) -> dict[str, object]:
    """Of rooms that were watched again after so many seconds."""
    return {
        "rooms": len(took),
        "watched_again_p50_s": round(percentile(took, 0.5), 2),
        "p99_s": round(percentile(took, 0.99), 2),
        "max_s": round(max(took), 2),
    }
