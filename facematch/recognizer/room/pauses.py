"""The pauses of cameras that have gone: who publishes a camera anew does not get a batch by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facematch.recognizer.room.cycle import NO_REST, Rest

if TYPE_CHECKING:
    from livekit import rtc

MOST = 10_000
"""Pauses kept: anybody can join under new names all day."""


class Camera(NamedTuple):
    """What stays the same when a track is published anew, or its participant comes back."""

    identity: str
    source: rtc.TrackSource.ValueType


class Pauses:
    """Kept until they would have ended. Several tracks of one camera share the longest."""

    def __init__(self) -> None:
        self._kept: dict[Camera, Rest] = {}

    def of(self, camera: Camera) -> Rest:
        """What the camera still owes."""
        return self._kept.get(camera, NO_REST)

    def leave(self, camera: Camera, rest: Rest, now: float) -> None:
        """The camera's track has gone, at `now` (monotonic seconds)."""
        rest = max(rest, self.of(camera))
        for known, kept in list(self._kept.items()):
            if kept.until <= now or len(self._kept) >= MOST:
                del self._kept[known]
        if rest.until > now:
            self._kept[camera] = rest
