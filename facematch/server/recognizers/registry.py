"""Which recognizers there are: the last heartbeat of each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facematch.protocol.heartbeat import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable

ONLINE_SECONDS = 6.0
"""A recognizer that has been silent for longer is offline; it posts every 2 s."""

OVERTAKEN_SECONDS = 3.0
"""By how much one heartbeat can overtake another: a post is given up after 2 s. Well below `ONLINE_SECONDS`."""

_MOST_SOURCES = 16
_REPORTED_SECONDS = 3600.0

Heard = tuple[Heartbeat, float]
"""A heartbeat and its age in seconds."""


@dataclass(frozen=True, slots=True)
class _Last:
    heartbeat: Heartbeat
    at: float
    """When it came, on the monotonic clock."""


class Recognizers:
    """The last heartbeat of each boot of a recognizer. The youngest boot that is alive speaks for all.

    Args:
        monotonic: seconds; injected by tests.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._heard: dict[str, _Last] = {}

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat; one that was overtaken by a newer one of the same boot changes nothing.

        Which of two was sent first, only the recognizer's clock tells, and that may have been set back meanwhile. So
        its word counts only for as long as a post can be on its way.
        """
        now, known = self._now(), self._heard.get(heartbeat.source)
        if known and known.heartbeat.sent_at > heartbeat.sent_at and now - known.at <= OVERTAKEN_SECONDS:
            return
        self._heard[heartbeat.source] = _Last(heartbeat, now)
        while len(self._heard) > _MOST_SOURCES:
            del self._heard[min(self._heard, key=lambda source: self._heard[source].at)]

    def newest(self) -> Heard | None:
        """The heartbeat that counts and its age in seconds; None when there is none of the last hour.

        Among the boots that are alive the one that started last, so that a process that has been replaced and is
        still ending does not cover its successor. When none is alive, the one heard last.
        """
        now = self._now()
        heard = [one for one in self._heard.values() if now - one.at <= _REPORTED_SECONDS]
        alive = [one for one in heard if now - one.at <= ONLINE_SECONDS]
        best = max(alive, key=lambda one: one.heartbeat.started_at, default=None) or max(
            heard, key=lambda one: one.at, default=None
        )
        return (best.heartbeat, now - best.at) if best else None

    def all(self) -> list[Heard]:
        """The last heartbeat of each boot that was heard in the last hour, and its age in seconds."""
        now = self._now()
        return [(one.heartbeat, now - one.at) for one in self._heard.values() if now - one.at <= _REPORTED_SECONDS]
