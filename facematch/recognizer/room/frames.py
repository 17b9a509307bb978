"""The frames of one track during one batch: bounded, newest first, upright, and only those worth looking at."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

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

_BLACK = 4
"""Filler frames are exactly black but for the rounding of the colour conversion; a camera in the dark has noise."""


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


def is_filler(pixels: Pixels) -> bool:
    """True for the black frames that WebRTC makes up when it has none to show."""
    return bool((pixels[::8, ::8] <= _BLACK).all())


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
        self._first: float | None = None
        self._due = 0.0

    def wants(self, width: int, now: float) -> bool:
        """Whether a frame `width` pixels wide is worth looking at, at `now` (monotonic seconds)."""
        if self._first is None:
            return True
        return now >= self._due and (width >= self._wanted or now - self._first >= PATIENCE_SECONDS)

    def count(self, now: float) -> None:
        """One is looked at."""
        if self._first is None:
            self._first, self._due = now, now + self._apart
            return
        # Not from this frame on: where frames come as seldom as that, one that is a little late would cost the next.
        self._due = max(self._due + self._apart, now + self._apart / 2)


class FrameStream:
    """One open stream of frames. Holds the newest only; what nobody took in time is gone.

    They are asked for as the decoder gives them and made RGB when they are taken: what is not looked at costs no
    conversion, and what is too large no memory for one.

    Args:
        track: a subscribed remote video track.
        arrived: called, on the event loop, whenever a frame came.
    """

    def __init__(self, track: rtc.Track, arrived: Callable[[], None]) -> None:
        self._stream = rtc.VideoStream.from_track(track=track, format=rtc.VideoBufferType.I420, capacity=1)
        self._arrived = arrived
        self._newest: rtc.VideoFrameEvent | None = None
        self.too_large = False
        """Whether a frame came that has more pixels than are taken; it is let go of, and no other is read."""
        self._pump = asyncio.create_task(self._run(), name="frames")

    def ready(self) -> bool:
        """True when `take` would return a frame, or never will."""
        return self._newest is not None or self.too_large

    def take(self, worth: Callable[[int], bool]) -> Pixels | None:
        """The newest frame, upright, (height, width, 3) uint8 RGB; None when none came since the last call, or `worth`
        says of its width that it is not to be looked at.
        """
        event, self._newest = self._newest, None
        if event is None or self.too_large or not worth(_width(event)):
            return None
        frame = event.frame.convert(rtc.VideoBufferType.RGB24)
        pixels = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3)
        return upright(pixels, event.rotation)

    async def aclose(self) -> None:
        """Ends the stream within `CLOSE_SECONDS`, whatever state the track is in; also when who waits is cancelled."""
        closing = asyncio.create_task(self._close(), name="close frames")
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:  # the track goes at this moment: what is half closed would stay for ever
            await asyncio.wait([closing])
            raise

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
            self._newest = None if self.too_large else event
            self._arrived()
            if self.too_large:
                return
