"""Looks that somebody wants now: asked of recognizers in the answers to their heartbeats, until one has begun.

Kept in memory: who asked of a process that has ended asks again. Where there are several, what is asked of one is
written down for the others, whom recognizers may report to, for as long as it is asked for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from facematch.server.recognizers.registry import ONLINE_SECONDS
from facematch.server.recognizers.watermark import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from facematch.protocol.heartbeat import Heartbeat, TrackStatus
    from facematch.server.recognizers.registry import Heard
    from facematch.server.recognizers.shared_looks import SharedLooks

APART_SECONDS: Final = 2.0
"""Between two looks at one participant."""

GIVEN_UP_SECONDS: Final = 10.0
"""After which a recognizer is no longer asked: a batch is due by itself about then."""


class TooSoonError(Exception):
    """There was one a moment ago.

    Args:
        seconds: until another may be asked for.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Asked:
    at: float
    batches: dict[str, int]
    """Those that each camera had had, by the track's sid."""

    def begun(self, track: TrackStatus) -> bool:
        """Whether this camera is being looked at, or was since."""
        before = self.batches.get(track.track_sid)
        return before is None or track.state in ("queued", "probe") or track.batches > before


class Looks:
    """See the module.

    Args:
        heard: the recognizers' last heartbeats and their ages in seconds.
        call: has recognizers send a heartbeat soon.
        shared: what is asked of any process.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        heard: Callable[[], Sequence[Heard]],
        call: Callable[[], None],
        shared: SharedLooks,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._heard = heard
        self._call = call
        self._shared = shared
        self._now = monotonic
        self._asked: dict[str, _Asked] = {}

    async def ask(self, identity: str) -> list[TrackStatus]:
        """Somebody wants a participant to be looked at now.

        Returns:
            Their cameras, as recognizers said last; only those can be looked at that are not idle.

        Raises:
            TooSoonError: somebody did a moment ago.
        """
        now = self._now()
        self._asked = {who: asked for who, asked in self._asked.items() if now - asked.at < GIVEN_UP_SECONDS}
        last = self._asked.get(identity)
        if last is not None and now - last.at < APART_SECONDS:
            raise TooSoonError(APART_SECONDS - (now - last.at))
        online = [heartbeat for heartbeat, age in standing(self._heard()) if age <= ONLINE_SECONDS]
        tracks = [track for heartbeat in online for track in _of(identity, heartbeat.tracks)]
        if any(track.state != "idle" for track in tracks):
            asked = self._asked[identity] = _Asked(now, {track.track_sid: track.batches for track in tracks})
            self._call()
            await self._shared.add(identity, asked.batches)
        return tracks

    async def refresh(self) -> None:
        """Take up what was asked of other processes.

        Raises:
            LogUnavailableError: it cannot be read.
        """
        now, news = self._now(), False
        for identity, batches, age in await self._shared.after(GIVEN_UP_SECONDS):
            known = self._asked.get(identity)
            if known is None or known.at < now - age - APART_SECONDS / 2:
                self._asked[identity] = _Asked(now - age, batches)
                news = True
        if news:
            self._call()

    def due(self, heartbeat: Heartbeat) -> list[str]:
        """Whom to look at now, of those whom a recognizer sees."""
        now = self._now()
        return [
            identity
            for identity, asked in self._asked.items()
            if now - asked.at < GIVEN_UP_SECONDS
            and any(not asked.begun(track) for track in _of(identity, heartbeat.tracks))
        ]


def _of(identity: str, tracks: Iterable[TrackStatus]) -> list[TrackStatus]:
    return [track for track in tracks if track.participant_identity == identity]
