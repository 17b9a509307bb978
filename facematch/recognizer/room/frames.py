"""The frames of one track during one batch: bounded, upright, and only those worth looking at."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from livekit import rtc

from facematch.recognizer.room.refusal import is_too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.detector import Pixels

CLOSE_SECONDS = 1.0
"""How long closing a stream may take; the SDK's own close can wait for ever."""

PATIENCE_SECONDS = 1.5
"""How long a batch waits for frames of the wanted width. A browser's simulcast track starts every subscription at
320x180 and is at the wanted layer after 0.2 to 1.1 s."""

SPREAD_SECONDS = 0.36
"""From the first frame of a batch that counts to the last, at least, when all are looked at. In a fifth of a second a
head does not move, and five frames say the same thing five times. At 10 frames a second none is passed over."""

_CLOCKWISE_QUARTERS: dict[object, int] = {
    rtc.VideoRotation.VIDEO_ROTATION_0: 0,
    rtc.VideoRotation.VIDEO_ROTATION_90: 1,
    rtc.VideoRotation.VIDEO_ROTATION_180: 2,
    rtc.VideoRotation.VIDEO_ROTATION_270: 3,
}

MOST_BYTES_WAITING = 4_000_000
"""Of one batch's frames that wait to be looked at, as the decoder gives them: five of 960x540 and smaller, two of
1280x720. One always may."""

_BLACK = 19
_GREY = (126, 130)
"""Filler frames are exactly black but for rounding, in video's levels, where black is 16 and no colour is 128; a camera
in the dark has noise."""


def upright(pixels: Pixels, rotation: object) -> Pixels:
    """The frame as its sender sees it: phones send their sensor's image and say how far to turn it clockwise."""
    quarters = _CLOCKWISE_QUARTERS.get(rotation, 0)
    if not quarters:
        return pixels
    whole = pixels.view("V3")[:, :, 0]  # pixels and not their bytes are moved: in half the time
    turned = np.ascontiguousarray(np.rot90(whole, -quarters))
    return turned.view(np.uint8).reshape(*turned.shape, 3)


def _width(event: rtc.VideoFrameEvent) -> int:
    """Of the frame, upright."""
    return event.frame.height if _CLOCKWISE_QUARTERS.get(event.rotation, 0) % 2 else event.frame.width


def _bytes(frame: rtc.VideoFrame) -> int:
    return frame.width * frame.height * 3 // 2


def is_filler(frame: rtc.VideoFrame) -> bool:
    """True for the black frames that WebRTC makes up when it has none to show.

    Args:
        frame: I420.
    """
    planes = np.frombuffer(frame.data, np.uint8)
    size = frame.width * frame.height
    light, colour = planes[:size].reshape(frame.height, frame.width)[::8, ::8], planes[size::16]
    return bool((light <= _BLACK).all() and (colour >= _GREY[0]).all() and (colour <= _GREY[1]).all())


def wanted_quality(width: int, height: int, processed_width: int) -> rtc.VideoQuality.ValueType:
    """The smallest simulcast layer that is still as wide as the processed frame.

    LiveKit's clients publish two layers below the full one, in its proportions, with a shorter side of 180 and of 360
    pixels; a track whose longer side is below 960 has only the smaller of them, so that MEDIUM is its full size.

    Args:
        width: of the published track in pixels, 0 when unknown.
        height: of the published track in pixels, 0 when unknown.
        processed_width: the width that frames are scaled down to before detection.
    """
    if not width or not height:
        return rtc.VideoQuality.VIDEO_QUALITY_HIGH
    shorter = min(width, height)
    if 180 * width // shorter >= processed_width:
        return rtc.VideoQuality.VIDEO_QUALITY_LOW
    medium = width if max(width, height) < 960 else 360 * width // shorter  # noqa: PLR2004  (see above)
    if medium >= min(processed_width, width) or is_too_large(width, height):
        return rtc.VideoQuality.VIDEO_QUALITY_MEDIUM
    return rtc.VideoQuality.VIDEO_QUALITY_HIGH


class Picture(NamedTuple):
    """A frame to be looked at."""

    pixels: Pixels
    """(height, width, 3) uint8 RGB, upright."""
    at: float
    """When it came, monotonic seconds."""


class Selection:
    """Which frames of a batch count: the first whatever its size (an early match is welcome), then those of the
    wanted width, until patience ends, and as far apart as `SPREAD_SECONDS` wants it.

    Args:
        wanted_width: pixels.
        frames: of a batch, at most.
    """

    def __init__(self, wanted_width: int, frames: int) -> None:
        self._wanted = wanted_width
        self._apart = SPREAD_SECONDS / max(1, frames - 1)
        self._frames = frames
        self.counted = 0
        self._first: float | None = None
        self._due = 0.0

    @property
    def complete(self) -> bool:
        """Whether there are as many as a batch has."""
        return self.counted >= self._frames

    def wants(self, width: int, now: float) -> bool:
        """Whether a frame `width` pixels wide is worth looking at, at `now` (monotonic seconds)."""
        if self._first is None:
            return True
        return now >= self._due and (width >= self._wanted or now - self._first >= PATIENCE_SECONDS)

    def count(self, now: float) -> None:
        """One is to be looked at."""
        self.counted += 1
        if self._first is None:
            self._first, self._due = now, now + self._apart
            return
        # Not from this frame on: where frames come as seldom as that, one that is a little late would cost the next.
        self._due = max(self._due + self._apart, now + self._apart / 2)


class FrameStream:
    """One open stream of frames, until all that a batch looks at have come.

    They are kept as the decoder gives them and made RGB when they are taken: what is not looked at costs no conversion,
    and what is too large no memory for one. Where looking is what everybody waits for, a batch's frames still lie as
    close together as they are meant to, and its stream is not open for longer: every open stream costs every other.

    Args:
        track: a subscribed remote video track.
        selection: which frames are kept.
        arrived: called, on the event loop, whenever a frame came.
        enough: asked after each that is kept, with how many wait: whether no other is wanted.
    """

    def __init__(
        self, track: rtc.Track, selection: Selection, arrived: Callable[[], None], enough: Callable[[int], bool]
    ) -> None:
        self._stream = rtc.VideoStream.from_track(track=track, format=rtc.VideoBufferType.I420, capacity=1)
        self._selection = selection
        self._arrived = arrived
        self._enough = enough
        self._came = False
        """Whether any frame has since the last call of `take`."""
        self._kept: deque[tuple[rtc.VideoFrameEvent, float]] = deque()
        self.too_large = False
        """Whether a frame came that has more pixels than are taken; all are let go of, and no other is read."""
        self._closing: asyncio.Task[None] | None = None
        self._pump = asyncio.create_task(self._run(), name="frames")

    def ready(self) -> bool:
        """True when `take` has news: a frame, or that one came which is not to be looked at, or that none ever will."""
        return self._came or bool(self._kept) or self.too_large

    def take(self) -> Picture | None:
        """The next frame to be looked at; None when there is none."""
        self._came = False
        if self.too_large or not self._kept:
            return None
        event, at = self._kept.popleft()
        frame = event.frame.convert(rtc.VideoBufferType.RGB24)
        pixels = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3)
        return Picture(upright(pixels, event.rotation), at)

    @property
    def over(self) -> bool:
        """Whether all that it brings have been taken."""
        return self._closing is not None and not self.ready()

    async def aclose(self) -> None:
        """Ends the stream within `CLOSE_SECONDS`, whatever state the track is in; also when who waits is cancelled."""
        closing = self._begin_to_close()
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:  # the track goes at this moment: what is half closed would stay for ever
            await asyncio.wait([closing])
            raise

    def _begin_to_close(self) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close frames")
        return self._closing

    async def _close(self) -> None:
        """Now and then the SDK does not say that the stream has ended. It has been let go of by then, and its task is
        cancelled with the wait for it.
        """
        self._pump.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(self._pump, return_exceptions=True)
                await self._stream.aclose()

    async def _run(self) -> None:
        async for event in self._stream:
            self.too_large = is_too_large(event.frame.width, event.frame.height)
            if self.too_large:
                self._kept.clear()
            kept = not self.too_large and self._keep(event)
            self._came = True
            self._arrived()
            if self.too_large or (kept and self._enough(len(self._kept))):
                break
        self._begin_to_close()

    def _keep(self, event: rtc.VideoFrameEvent) -> bool:
        """Whether the frame is to be looked at and there is room for it."""
        now = asyncio.get_running_loop().time()
        waiting = sum(_bytes(kept.frame) for kept, _ in self._kept)
        has_room = not waiting or waiting + _bytes(event.frame) <= MOST_BYTES_WAITING
        if not has_room or not self._selection.wants(_width(event), now) or is_filler(event.frame):
            return False
        self._selection.count(now)
        self._kept.append((event, now))
        return True
