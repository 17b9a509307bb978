"""Receiving one track for the length of one batch: asked for, waited for, and taken picture by picture.

How much of a batch slot that takes is told at every step: the whole while pictures come, a half while they are expected
(a quarter of a held camera, whose first will most likely do), nothing of it when the camera lets us wait.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from facematch.recognizer.room import forwarding
from facematch.recognizer.room.frames import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from livekit import rtc

    from facematch.recognizer.batch_slots import Slot
    from facematch.recognizer.room.cycle import Cycle
    from facematch.recognizer.room.frames import FrameStream, Picture
    from facematch.recognizer.wakeup import Wakeup

ASK_AGAIN_SECONDS = 2.0
"""After which a track that has not come is asked for anew (it comes within 30 to 600 ms), and one that was kept while
LiveKit was away and brings nothing."""

SETTLE_SECONDS = 0.5
"""What the server needs to end a subscription, before another one is a new one to it."""

EXPECTED_SECONDS = 1.0
"""How long the first picture of a camera that is not known yet is expected, and then each further one."""

EXPECTED_AGAIN_SECONDS = 2.0
"""The same for the first of one that sent pictures the last time: it has to begin anew, when nobody else is looking."""


class Reception:
    """Of one batch.

    Args:
        publication: the announced video track, which has been subscribed to or resumed.
        cycle: the track's state machine, with the batch at work.
        changed: the track's own; notified when LiveKit said something, or who is looked for changed.
        slot: the batch's.
        processed_width: pixels of width that frames are scaled down to before detection.
        given_up: whether there is nobody to look for any more.
    """

    def __init__(
        self,
        publication: rtc.RemoteTrackPublication,
        cycle: Cycle,
        *,
        changed: Wakeup,
        slot: Slot,
        processed_width: int,
        given_up: Callable[[], bool],
    ) -> None:
        self._publication = publication
        self._cycle = cycle
        self._changed = changed
        self._slot = slot
        self._processed_width = processed_width
        self._given_up = given_up
        self.selection = Selection(min(processed_width, publication.width or processed_width), cycle.most_frames)
        """Which of the track's frames are looked at."""
        self._expected_until = _now() + _expected_seconds(cycle)
        self.resumed = publication.track is not None
        """Whether the track was kept after a match."""
        if self.resumed:
            slot.keep_a_quarter()
        else:
            slot.keep_a_half()
        self.crowded_out = False
        """True when pictures came, and too many other batches had some."""
        self.doubtful = self.resumed and cycle.batches == 1
        """Whether nothing has shown yet that the track is received: it was kept while LiveKit was away. What was being
        agreed on at that moment, the SDK and the server may have lost, and then nothing ever comes."""

    @property
    def cut_short(self) -> bool:
        """Whether there is nothing to look at, or nothing to compare with, any more."""
        return self._publication.muted or self._given_up()

    async def track(self) -> rtc.RemoteTrack | None:
        """The track, once it is received; None when that takes too long or the batch was cut short meanwhile.

        A subscription that the server takes for the former one, whose end it has not heard of, brings no track.
        """
        if not await self._settled(ASK_AGAIN_SECONDS) and self._remaining() > 0:
            await self._ask_again()
        return None if self.cut_short else self._publication.track

    async def track_anew(self) -> rtc.RemoteTrack | None:
        """The track of a subscription of its own, in the place of one that is `doubtful`; None as above."""
        self.doubtful = False
        await self._ask_again()
        return None if self.cut_short else self._publication.track

    async def picture(self, stream: FrameStream) -> Picture | None:
        """The next picture worth looking at; None when the batch's time is up, or it was cut short or crowded out, or
        nothing has come of a `doubtful` track that should have.
        """
        while self._remaining() > 0:
            most = min(ASK_AGAIN_SECONDS, self._remaining()) if self.doubtful else self._remaining()
            if not await self._until(lambda: stream.ready() or self.cut_short, most):
                self.doubtful = self.doubtful and self._remaining() > 0
                return None
            self.doubtful = False
            if stream.too_large or self.cut_short:
                return None
            self._expected_until = _now() + EXPECTED_SECONDS
            if not self._slot.take_whole():
                self.crowded_out = True
                return None
            if (picture := stream.take()) is not None:
                return picture
        return None

    def resume(self) -> None:
        """Have the camera send again; its pictures begin anew."""
        forwarding.resume(self._publication, self._processed_width)
        self._expected_until = _now() + EXPECTED_AGAIN_SECONDS

    async def _ask_again(self) -> None:
        """Give the track back and ask for it anew; wait until it is there."""
        forwarding.unsubscribe(self._publication)
        if not await self._changed.until(lambda: self.cut_short, min(SETTLE_SECONDS, self._remaining())):
            forwarding.subscribe(self._publication, self._processed_width)
            await self._settled(self._remaining())

    async def _settled(self, seconds: float) -> bool:
        """Whether the track is received, or not to be waited for, within so many seconds of the batch."""
        return await self._until(
            lambda: self._publication.track is not None or self.cut_short, min(seconds, self._remaining())
        )

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait until that holds, at most so long; what is overdue takes up no slot."""
        expected = min(seconds, max(0.0, self._expected_until - _now()))
        if await self._changed.until(holds, expected):
            return True
        if expected == seconds:
            return False
        self._slot.keep_nothing()
        return await self._changed.until(holds, seconds - expected)

    def _remaining(self) -> float:
        return max(0.0, (self._cycle.deadline or 0.0) - _now())


def _expected_seconds(cycle: Cycle) -> float:
    """How long the first picture is expected: not at all of a camera that showed nothing the last time."""
    if cycle.shown_nothing:
        return 0.0
    return EXPECTED_AGAIN_SECONDS if cycle.batches > 1 else EXPECTED_SECONDS


def _now() -> float:
    return asyncio.get_running_loop().time()
