"""One connected room: one task per video track worth watching, reconciled with what the room says.

LiveKit's events only say that something changed; what is there is read from the room itself, in one place. So
tracks that were there before the recognizer, which raise no event, are treated like all others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog
from livekit import rtc

from facematch.recognizer.room.cycle import Cycle, CycleRules, Media
from facematch.recognizer.room.track import TrackWatch
from facematch.recognizer.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.recognizer.room.cooldowns import Cooldowns
    from facematch.recognizer.room.cycle import Cooldown
    from facematch.recognizer.room.reporter import Reporter
    from facematch.recognizer.shared import Shared

log = structlog.get_logger(__name__)

PEOPLE = frozenset(
    {
        rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
        rtc.ParticipantKind.PARTICIPANT_KIND_INGRESS,
        rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    }
)
"""Who is probed. Agents and recorders (egress) show no person of their own."""

SCREENS = frozenset({rtc.TrackSource.SOURCE_SCREENSHARE, rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO})
"""What is not a camera. A source left unknown (the SDKs' default for programs that publish) counts as one."""

RELEASE_SECONDS = 1.5
"""How long the tasks of tracks that are gone may take to release what they hold: a stream closes within a second."""

RESTART_SECONDS = 1.0
"""How long a cycle that failed stays away: what fails at once would otherwise fail without a pause."""

_EVENTS: tuple[rtc.room.EventTypes, ...] = (
    "participant_connected",
    "participant_disconnected",
    "track_published",
    "track_unpublished",
    "track_subscribed",
    "track_unsubscribed",
    "track_subscription_failed",
    "track_muted",
    "track_unmuted",
    "participant_name_changed",
    "reconnecting",
    "reconnected",
    "disconnected",
)


class RoomWatch:
    """Watches every camera of a connected room until the room is disconnected or the task is cancelled.

    Args:
        room: connected or about to be; not closed by this class.
        rules: the settings of every cycle.
        cooldowns: of the participants; shared by all stays in the room.
        shared: with the other rooms of the process.
        reporter: takes what was found.
    """

    def __init__(
        self,
        room: rtc.Room,
        rules: CycleRules,
        cooldowns: Cooldowns,
        shared: Shared,
        reporter: Reporter,
    ) -> None:
        self._room = room
        self._rules = rules
        self._cooldowns = cooldowns
        self._shared = shared
        self._reporter = reporter
        self._changed = Wakeup()
        self._away = False
        self._kept: frozenset[str] = frozenset()
        """Tracks whose subscription was kept when LiveKit went away, or asked for at that moment."""
        self._closed: str | None = None
        self._watches: dict[str, tuple[TrackWatch, asyncio.Task[None]]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        for name in _EVENTS:
            room.on(name, self._on_change)
        room.on("reconnecting", self._on_reconnecting)
        room.on("reconnected", self._on_reconnected)
        room.on("disconnected", self._on_disconnected)

    @property
    def tracks(self) -> list[TrackWatch]:
        """The tracks watched now, in the order in which they came."""
        return [watch for watch, _ in self._watches.values()]

    @property
    def reconnecting(self) -> bool:
        """True while the SDK tries to get the connection back by itself."""
        return self._away

    async def run(self) -> str:
        """Watch until the room is disconnected.

        Returns:
            The reason, in LiveKit's word (such as `SERVER_SHUTDOWN`).
        """
        self._shared.references.subscribe(self._on_change)
        try:
            while self._closed is None:
                self._reconcile()
                await self._changed.until(self._stale, None)
            return self._closed
        finally:
            self._shared.references.unsubscribe(self._on_change)
            for sid in list(self._watches):
                self._drop(sid)
            if self._leaving:
                await asyncio.wait(self._leaving.values(), timeout=RELEASE_SECONDS)

    def _stale(self) -> bool:
        """Whether what is watched differs from what is there."""
        watched = {sid: id(watch.publication) for sid, (watch, _) in self._watches.items()}
        there = {sid: id(publication) for sid, (publication, _) in self._cameras()}
        return self._closed is not None or watched != there

    def _cameras(self) -> Iterator[tuple[str, tuple[rtc.RemoteTrackPublication, rtc.RemoteParticipant]]]:
        if self._away or self._closed is not None:
            return  # nobody can say what is there; the cycles start anew when LiveKit is back
        for participant in list(self._room.remote_participants.values()):
            if participant.kind not in PEOPLE:
                continue
            for sid, publication in list(participant.track_publications.items()):
                if publication.kind != rtc.TrackKind.KIND_VIDEO or publication.source in SCREENS:
                    continue
                if sid not in self._leaving:  # a former cycle of it would release what a new one has asked for
                    yield sid, (publication, participant)

    def _reconcile(self) -> None:
        cameras = dict(self._cameras())
        for sid, (watch, _) in list(self._watches.items()):
            if sid not in cameras or cameras[sid][0] is not watch.publication:
                self._drop(sid)
        for sid, (publication, participant) in cameras.items():
            if sid not in self._watches and sid not in self._leaving:
                self._watch(sid, publication, participant)

    def _watch(self, sid: str, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        watch = TrackWatch(
            publication,
            participant,
            cycle=Cycle(
                self._rules,
                self._cooldown(participant.identity),
                lambda: uuid4().hex,
                Media.PAUSED if sid in self._kept else Media.UNSUBSCRIBED,
            ),
            shared=self._shared,
            reporter=self._reporter,
        )
        task = asyncio.create_task(watch.run(), name=f"track {sid}")
        self._watches[sid] = watch, task
        task.add_done_callback(lambda done: self._ended(sid, done))
        log.info("Watching track", track=sid, participant=participant.sid, identity=participant.identity)

    def _drop(self, sid: str) -> None:
        watch, task = self._watches.pop(sid)
        watch.interrupted = self._away
        self._leaving[sid] = task
        task.add_done_callback(lambda _: self._left(sid))
        task.cancel()
        self._shared.changed.notify()
        log.info("Track gone", track=sid, participant=watch.participant.sid)

    def _left(self, sid: str) -> None:
        del self._leaving[sid]
        self._changed.notify()

    def _ended(self, sid: str, task: asyncio.Task[None]) -> None:
        """A cycle never ends by itself: if one does, say why and start it anew, without touching the others."""
        if task.cancelled() or task.exception() is None:
            return
        log.error("Cycle failed and starts anew", track=sid, exc_info=task.exception())
        self._shared.counters.errors += 1
        asyncio.get_running_loop().call_later(RESTART_SECONDS, self._forget, sid, task)

    def _forget(self, sid: str, task: asyncio.Task[None]) -> None:
        """Let a cycle that failed go, so that it is missed and made anew, if its track is still there."""
        if self._watches.get(sid, (None, None))[1] is task:
            del self._watches[sid]
            self._changed.notify()

    def _cooldown(self, identity: str) -> Cooldown:
        present = {watch.participant.identity for watch, _ in self._watches.values()}
        return self._cooldowns.of(identity, present=present, now=asyncio.get_running_loop().time())

    def _on_change(self, *_: Any) -> None:
        self._changed.notify()
        for watch, _task in self._watches.values():
            watch.changed.notify()

    def _on_reconnecting(self, *_: Any) -> None:
        log.warning("LiveKit connection lost; reconnecting")
        self._away = True
        self._kept = frozenset({*self._watches, *self._leaving})
        self._on_change()

    def _on_reconnected(self, *_: Any) -> None:
        log.info("LiveKit connection is back")
        self._away = False
        self._on_change()

    def _on_disconnected(self, reason: Any = None, *_: Any) -> None:
        self._closed = rtc.DisconnectReason.Name(reason) if reason is not None else "UNKNOWN_REASON"
        self._on_change()
