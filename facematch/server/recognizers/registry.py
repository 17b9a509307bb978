"""Which recognizers there are: the last heartbeat of each, and of each room that it watches."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from facematch.protocol.heartbeat import Heartbeat
from facematch.server.recognizers.anchors import Anchors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

log = structlog.get_logger(__name__)

ONLINE_SECONDS = 6.0
"""A recognizer that has been silent for longer is offline; it posts every 2 s."""

OVERTAKEN_SECONDS = 3.0
"""By how much one heartbeat can overtake another: a post is given up after 2 s. Well below `ONLINE_SECONDS`."""

TOGETHER_SECONDS = 10.0
"""Two that have reported of one room for that long are not one that ends and its successor: an end takes 5 s."""

_MOST_OF_A_ROOM = 16
_MOST = 5000
"""Of all rooms together: a thousand, each of which has moved a few times within the hour."""
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
    """The last heartbeat of each boot of a recognizer in each room. The youngest boot that is alive speaks for a room.

    Args:
        monotonic: seconds; injected by tests.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._heard: dict[str, dict[str, _Last]] = {}
        """By room and boot."""
        self._roomless: dict[str, _Last] = {}
        """By boot: the last account of those who are there and have no room now. Events may wait in their outboxes."""
        self._rivals: set[str] = set()
        """The rooms that have some, as the log has last been told."""
        self.anchors = Anchors(monotonic)
        """What they hand on to each other."""

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat; one that was overtaken by a newer one of the same boot and room changes nothing.

        Which of two was sent first, only the recognizer's clock tells, and that may have been set back meanwhile. So
        its word counts only for as long as a post can be on its way.
        """
        self.anchors.heard(heartbeat.source, heartbeat.room)
        room = self._heard.setdefault(heartbeat.room, {})
        now, known = self._now(), room.get(heartbeat.source)
        if known and known.heartbeat.sent_at > heartbeat.sent_at and now - known.at <= OVERTAKEN_SECONDS:
            return
        room[heartbeat.source] = _Last(heartbeat, now, known.first_at if known else now)
        if known is None:
            self._forget_oldest(heartbeat.room)
        self._note_rivals(heartbeat.room)

    def attend(self, ages: Mapping[str, float], owners: Mapping[str, str]) -> None:
        """Take what beats say, where rooms are given to recognizers: who is there, and what each has.

        A heartbeat that is older than its recognizer's last beat is as good as new: where nothing happens, there are
        few. One of a room that its recognizer has no longer is over.

        Args:
            ages: seconds since the last beat, by boot.
            owners: boots, by room.
        """
        now = self._now()
        for room, of in list(self._heard.items()):
            for source, one in list(of.items()):
                if source not in ages:
                    continue
                if owners.get(room) == source:
                    of[source] = replace(one, at=max(one.at, now - ages[source]))
                else:
                    self._forget(one.heartbeat)
                    self._roomless[source] = one
        with_room = {source for of in self._heard.values() for source in of}
        self._roomless = {
            source: replace(one, at=max(one.at, now - ages[source])) if source in ages else one
            for source, one in self._roomless.items()
            if source not in with_room and _is_known(one, now)
        }

    def adopt(self, heartbeat: Heartbeat, age: float, known: float) -> None:
        """Take a heartbeat that came to another process.

        Args:
            heartbeat: it.
            age: seconds since it came.
            known: seconds since the first one of this boot and room came.
        """
        room = self._heard.setdefault(heartbeat.room, {})
        now, before = self._now(), room.get(heartbeat.source)
        if before is not None and (heartbeat.sent_at == before.heartbeat.sent_at or now - age <= before.at):
            return
        room[heartbeat.source] = _Last(heartbeat, now - age, min(now - known, before.first_at if before else now))
        if before is None:
            self._forget_oldest(heartbeat.room)
        self._note_rivals(heartbeat.room)

    def rivals(self, room: str | None = None) -> int:
        """How many recognizers watch the room of the one that counts, besides it: each reports every match.

        Args:
            room: which; None: that of the newest of all.
        """
        now = self._now()
        alive = [one for one in self._of(room) if now - one.at <= ONLINE_SECONDS]
        best = max(alive, key=lambda one: one.heartbeat.started_at, default=None)
        return sum(one.beside(best) for one in alive if one is not best) if best else 0

    def newest(self, room: str | None = None) -> Heard | None:
        """The heartbeat that counts and its age in seconds; None when there is none of the last hour.

        Among the boots that are alive the one that started last, so that a process that has been replaced and is
        still ending does not cover its successor. When none is alive, the one heard last.

        Args:
            room: of which; None: of any.
        """
        now = self._now()
        return _speaker([one for one in self._of(room) if _is_known(one, now)], now)

    def by_room(self) -> dict[str, Heard]:
        """Of each room that was heard of in the last hour, the heartbeat that counts and its age in seconds."""
        now = self._now()
        heard = {room: [one for one in of.values() if _is_known(one, now)] for room, of in self._heard.items()}
        return {room: speaker for room, ones in heard.items() if (speaker := _speaker(ones, now))}

    def _of(self, room: str | None) -> Iterator[_Last]:
        if room is not None:
            return iter(self._heard.get(room, {}).values())
        return (one for of in self._heard.values() for one in of.values())

    def _forget_oldest(self, room: str) -> None:
        while len(self._heard[room]) > _MOST_OF_A_ROOM:
            self._forget(min(self._of(room), key=lambda one: one.at).heartbeat)
        while sum(map(len, self._heard.values())) > _MOST:
            self._forget(min(self._of(None), key=lambda one: one.at).heartbeat)

    def _forget(self, heartbeat: Heartbeat) -> None:
        of = self._heard[heartbeat.room]
        del of[heartbeat.source]
        if not of:
            del self._heard[heartbeat.room]

    def _note_rivals(self, room: str) -> None:
        """One line when there are some and one when there are none any more, not one per heartbeat."""
        rivals = self.rivals(room)
        if rivals and room not in self._rivals:
            log.warning(
                "Several recognizers watch the same room, and each reports every match: stop all but one",
                recognizers=rivals + 1,
                room=room,
            )
            self._rivals.add(room)
        elif not rivals and room in self._rivals:
            log.info("One recognizer watches the room again", room=room)
            self._rivals.discard(room)

    def all(self) -> list[Heard]:
        """The last heartbeat of each boot and room that was heard in the last hour, and its age in seconds; of a boot
        that is there and has no room, its last one.
        """
        now = self._now()
        heard = [*self._of(None), *self._roomless.values()]
        return [(one.heartbeat, now - one.at) for one in heard if _is_known(one, now)]


def _is_known(one: _Last, now: float) -> bool:
    return now - one.at <= _REPORTED_SECONDS


def _speaker(heard: Collection[_Last], now: float) -> Heard | None:
    alive = [one for one in heard if now - one.at <= ONLINE_SECONDS]
    best = max(alive, key=lambda one: one.heartbeat.started_at, default=None) or max(
        heard, key=lambda one: one.at, default=None
    )
    return (best.heartbeat, now - best.at) if best else None
