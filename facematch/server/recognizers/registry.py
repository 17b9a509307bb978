"""Which recognizers there are: the last heartbeat of each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from facematch.protocol.heartbeat import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

ONLINE_SECONDS = 6.0
"""A recognizer that has been silent for longer is offline; it posts every 2 s."""

OVERTAKEN_SECONDS = 3.0
"""By how much one heartbeat can overtake another: a post is given up after 2 s. Well below `ONLINE_SECONDS`."""

TOGETHER_SECONDS = 10.0
"""Two that have reported of one room for that long are not one that ends and its successor: an end takes 5 s."""

_MOST_SOURCES = 16
_REPORTED_SECONDS = 3600.0

Heard = tuple[Heartbeat, float]
"""A heartbeat and its age in seconds."""


@dataclass(frozen=True, slots=True)
class _Last:
    heartbeat: Heartbeat
    at: float
    """When it came, on the monotonic clock."""
    first_at: float
    """When the first one of this boot came."""

    def beside(self, other: _Last) -> bool:
        """Whether two watch the same room, neither as the other's successor."""
        together = min(self.at, other.at) - max(self.first_at, other.first_at)
        return self.heartbeat.room == other.heartbeat.room and together >= TOGETHER_SECONDS


class Recognizers:
    """The last heartbeat of each boot of a recognizer. The youngest boot that is alive speaks for all.

    Args:
        monotonic: seconds; injected by tests.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._heard: dict[str, _Last] = {}
        self._rivals = 0
        """As the log has last been told."""

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat; one that was overtaken by a newer one of the same boot changes nothing.

        Which of two was sent first, only the recognizer's clock tells, and that may have been set back meanwhile. So
        its word counts only for as long as a post can be on its way.
        """
        now, known = self._now(), self._heard.get(heartbeat.source)
        if known and known.heartbeat.sent_at > heartbeat.sent_at and now - known.at <= OVERTAKEN_SECONDS:
            return
        self._heard[heartbeat.source] = _Last(heartbeat, now, known.first_at if known else now)
        while len(self._heard) > _MOST_SOURCES:
            del self._heard[min(self._heard, key=lambda source: self._heard[source].at)]
        self._note_rivals()

    def rivals(self) -> int:
        """How many recognizers watch the room of the one that counts, besides it: each reports every match."""
        now = self._now()
        alive = [one for one in self._heard.values() if now - one.at <= ONLINE_SECONDS]
        best = max(alive, key=lambda one: one.heartbeat.started_at, default=None)
        return sum(one.beside(best) for one in alive if one is not best) if best else 0

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

    def _note_rivals(self) -> None:
        """One line when there are some and one when there are none any more, not one per heartbeat."""
        rivals = self.rivals()
        if rivals and not self._rivals:
            log.warning(
                "Several recognizers watch the same room, and each reports every match: stop all but one",
                recognizers=rivals + 1,
            )
        elif not rivals and self._rivals:
            log.info("One recognizer watches the room again")
        self._rivals = rivals

    def all(self) -> list[Heard]:
        """The last heartbeat of each boot that was heard in the last hour, and its age in seconds."""
        now = self._now()
        return [(one.heartbeat, now - one.at) for one in self._heard.values() if now - one.at <= _REPORTED_SECONDS]
