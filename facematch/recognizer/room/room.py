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

from facematch.protocol.identities import NOT_FOR_PEOPLE
from facematch.recognizer.room import forwarding
from facematch.recognizer.room.admission import FIRST_WORD_SECONDS, Admission, IdleCamera, Withheld
from facematch.recognizer.room.cycle import NO_REST, Cycle, CycleRules, Media
from facematch.recognizer.room.pauses import Camera
from facematch.recognizer.room.subject import identity_of, participant_of, subject_of
from facematch.recognizer.room.track import TrackWatch
from facematch.recognizer.wakeup import Wakeup

if TYPE_CHECKING:
    from facematch.recognizer.room.cooldowns import Cooldowns
    from facematch.recognizer.room.cycle import Cooldown
    from facematch.recognizer.room.pauses import Pauses
    from facematch.recognizer.room.reporter import Reporter
    from facematch.recognizer.room.subject import Participant
    from facematch.recognizer.shared import Shared

log = structlog.get_logger(__name__)

NOT_PEOPLE = frozenset(
    {
        rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
        rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS,
    }
)
"""Who is not probed: agents and recorders show no person of their own. Every other kind is, also one that comes yet."""

SCREENS = frozenset({rtc.TrackSource.SOURCE_SCREENSHARE, rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO})
"""What is not a camera. A source left unknown (the SDKs' default for programs that publish) counts as one."""

RELEASE_SECONDS = 1.5
"""How long the tasks of tracks that are gone may take to release what they hold: a stream closes within a second."""

RESTART_SECONDS = 1.0
"""How long a cycle that failed stays away: what fails at once would otherwise fail without a pause."""

_OF_THE_ROOM: tuple[rtc.room.EventTypes, ...] = (
    "participant_connected",
    "participant_disconnected",
    "track_published",
    "track_unpublished",
    "participant_name_changed",
    "participant_attributes_changed",
    "reconnecting",
    "reconnected",
    "disconnected",
)

_OF_A_TRACK: tuple[rtc.room.EventTypes, ...] = (
    "track_subscribed",
    "track_unsubscribed",
    "track_subscription_failed",
    "track_muted",
    "track_unmuted",
)
"""These come with every batch, and concern one track: to wake hundreds by them costs more than what they say."""


_Cameras = dict[str, tuple[rtc.RemoteTrackPublication, rtc.RemoteParticipant]]
"""Published cameras and whose they are, by the track's sid."""


class RoomWatch:
    """Watches every camera of a connected room until the room is disconnected or the task is cancelled.

    Args:
        room: connected or about to be; not closed by this class.
        rules: the settings of every cycle.
        cooldowns: of the participants; shared by all stays in the room.
        pauses: of cameras that have gone; the same.
        shared: with the other rooms of the process.
        reporter: takes what was found.
    """

    def __init__(
        self,
        room: rtc.Room,
        rules: CycleRules,
        cooldowns: Cooldowns,
        pauses: Pauses,
        shared: Shared,
        reporter: Reporter,
    ) -> None:
        self._room = room
        self._rules = rules
        self._cooldowns = cooldowns
        self._pauses = pauses
        self._shared = shared
        self._reporter = reporter
        self._evidence = shared.evidence.of(reporter.room)
        self._changed = Wakeup()
        self._away = False
        self._kept: frozenset[str] = frozenset()
        """Tracks whose subscription was kept when LiveKit went away, or asked for at that moment."""
        self._closed: str | None = None
        self._watches: dict[str, tuple[TrackWatch, asyncio.Task[None]]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._admission = Admission(
            shared.directions, consent_required=shared.consent_required, now=lambda: asyncio.get_running_loop().time()
        )
        self.idle: list[IdleCamera] = []
        """Cameras that may not be looked at."""
        self.left_out = 0
        """Cameras over the limits, which are not watched."""
        self._told_of: set[str] = set()
        """Whose cameras over the limit were told of; the room's are told of under its own name, which is empty."""
        for name in _OF_THE_ROOM:
            room.on(name, self._on_change)
        for name in _OF_A_TRACK:
            room.on(name, self._on_track_change)
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
        self._shared.matching.subscribe(self._on_people_change)
        self._shared.directions.subscribe(self._on_people_change)
        try:
            self._reporter.attendance.began(self._people(), self._consenting())
            while self._closed is None:
                self._reconcile()
                await self._changed.until(self._stale, None)
            return self._closed
        finally:
            self._shared.matching.unsubscribe(self._on_people_change)
            self._shared.directions.unsubscribe(self._on_people_change)
            self._reporter.attendance.lost(self._closed or "STOPPED")
            self._evidence.nobody_knows(asyncio.get_running_loop().time())
            for sid in list(self._watches):
                self._drop(sid)
            if self._leaving:
                await asyncio.wait(self._leaving.values(), timeout=RELEASE_SECONDS)

    def _stale(self) -> bool:
        """Whether what is watched, or left out, differs from what is there."""
        cameras, idle = self._survey()
        chosen = self._chosen(cameras)
        watched = {sid: id(watch.publication) for sid, (watch, _) in self._watches.items()}
        there = {sid: id(publication) for sid, (publication, _) in chosen.items()}
        if self._reporter.attendance.differs((who.participant_id for who in self._people()), self._consenting()):
            return True
        if self._closed is not None or idle != self.idle:
            return True
        return watched != there or self.left_out != _count(cameras) - len(chosen)

    def _people(self) -> list[Participant]:
        """Who is in the room, as LiveKit says."""
        return [participant_of(participant) for participant in self._present()]

    def _present(self) -> list[rtc.RemoteParticipant]:
        everybody = list(self._room.remote_participants.values())
        return [one for one in everybody if one.kind not in NOT_PEOPLE and not one.identity.startswith(NOT_FOR_PEOPLE)]

    def _consenting(self) -> frozenset[str]:
        """The sids of those who have agreed."""
        return self._admission.consenting(self._present())

    def _in_sight(self) -> list[rtc.RemoteParticipant]:
        """Whose cameras it can be said of that they are there; the cycles start anew when LiveKit is back."""
        if self._away or self._closed is not None or not self._shared.matching.known:
            return []
        return self._present()

    def _survey(self) -> tuple[dict[str, _Cameras], list[IdleCamera]]:
        """The cameras of every participant who may be looked at, by identity, and those of all others."""
        cameras: dict[str, _Cameras] = {}
        idle: list[IdleCamera] = []
        for participant in self._in_sight():
            own = _cameras_of(participant)
            if own and (why := self._admission.withheld(participant)) is not None:
                idle += [IdleCamera(subject_of(participant, one), one, why) for one in own.values()]
            elif own:  # a former cycle of one that is leaving would release what a new one has asked for
                there = {sid: (one, participant) for sid, one in own.items() if sid not in self._leaving}
                cameras[participant.identity] = there
        return cameras, idle

    def _chosen(self, cameras: dict[str, _Cameras]) -> _Cameras:
        """Those to be watched."""
        limits = self._shared.limits
        found: _Cameras = {}
        for own in cameras.values():
            found |= self._first(own, limits.per_participant)
        return self._first(found, limits.per_room)

    def _first(self, cameras: _Cameras, most: int) -> _Cameras:
        """The first of them; what is watched goes on being so, whatever comes in between."""
        order = sorted(cameras, key=lambda sid: sid not in self._watches)
        return {sid: cameras[sid] for sid in order[:most]}

    def _reconcile(self) -> None:
        self._reporter.attendance.now(self._people(), self._consenting())
        if not self._away and self._closed is None:
            there = {who.participant_identity for who in self._people()}
            self._evidence.there(there, asyncio.get_running_loop().time())
        cameras, idle = self._survey()
        chosen = self._chosen(cameras)
        self._tell_of_the_others(cameras, chosen)
        for sid, (watch, _) in list(self._watches.items()):
            if sid not in chosen or chosen[sid][0] is not watch.publication:
                self._drop(sid)
        self._leave_alone(idle)
        self._admission.keep({*cameras, *(one.subject.participant_identity for one in idle)})
        for sid, (publication, participant) in chosen.items():
            if sid not in self._watches and sid not in self._leaving:
                self._watch(sid, publication, participant)

    def _leave_alone(self, idle: list[IdleCamera]) -> None:
        """These are not watched now."""
        if idle != self.idle:
            self._shared.changed.notify()
        self.idle = idle
        withheld = [one for one in idle if one.why is not Withheld.ASKING]
        for participant in self._present():
            if self._admission.refused(participant) is not None:  # their camera may be off
                self._shared.forget(identity_of(participant))
        for one in withheld:
            if one.publication.track is not None:  # it was kept while LiveKit was away
                forwarding.unsubscribe(one.publication)
        if len(withheld) < len(idle):  # an answer wakes us, and no answer does not
            asyncio.get_running_loop().call_later(FIRST_WORD_SECONDS, self._changed.notify)
        self._reporter.attendance.withheld((one.subject, str(one.why)) for one in withheld)

    def _tell_of_the_others(self, cameras: dict[str, _Cameras], chosen: _Cameras) -> None:
        """One line for each participant who has too many, and one for the room."""
        limits = self._shared.limits
        self.left_out = _count(cameras) - len(chosen)
        over = {identity: len(own) for identity, own in cameras.items() if len(own) > limits.per_participant}
        for identity in sorted(over.keys() - self._told_of):
            log.warning(
                "A participant has more cameras than MAX_TRACKS_PER_PARTICIPANT; the first ones are watched",
                identity=identity,
                cameras=over[identity],
                watched=limits.per_participant,
            )
        room = {""} if len(chosen) == limits.per_room and self.left_out else set()
        if room - self._told_of:
            log.warning("The room has more cameras than MAX_TRACKS; the first ones are watched", watched=len(chosen))
        self._told_of = {*over, *room}

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
        rest = NO_REST if sid in self._kept else self._pauses.of(_camera(watch))
        task = asyncio.create_task(watch.run(rest), name=f"track {sid}")
        self._watches[sid] = watch, task
        self._reporter.attendance.watches(watch.subject)
        self._evidence.watch(watch.subject.participant_identity)
        task.add_done_callback(lambda done: self._ended(sid, done))
        log.info("Watching track", track=sid, participant=participant.sid, identity=participant.identity)

    def _drop(self, sid: str) -> None:
        watch, task = self._watches.pop(sid)
        self._reporter.attendance.dropped(sid)
        self._evidence.camera_gone(watch.subject.participant_identity, sid)
        watch.interrupted = self._away
        if not self._away and self._closed is None:  # it has gone by itself
            self._pauses.leave(_camera(watch), watch.cycle.rest, asyncio.get_running_loop().time())
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

    def _on_people_change(self) -> None:
        self._changed.notify()
        for watch, _task in self._watches.values():
            watch.changed.notify()

    def _on_track_change(self, *told: Any) -> None:
        """The SDK names the track by its publication or its sid, at another place in each event."""
        for one in told:
            sid: Any = one if isinstance(one, str) else getattr(one, "sid", None)
            if sid in self._watches:
                self._watches[sid][0].changed.notify()

    def _on_reconnecting(self, *_: Any) -> None:
        log.warning("LiveKit connection lost; reconnecting")
        self._away = True
        self._reporter.attendance.lost("RECONNECTING")
        self._evidence.nobody_knows(asyncio.get_running_loop().time())
        self._kept = frozenset({*self._watches, *self._leaving})
        self._on_change()

    def _on_reconnected(self, *_: Any) -> None:
        log.info("LiveKit connection is back")
        self._away = False
        self._reporter.attendance.began(self._people(), self._consenting())
        self._on_change()

    def _on_disconnected(self, reason: Any = None, *_: Any) -> None:
        self._closed = rtc.DisconnectReason.Name(reason) if reason is not None else "UNKNOWN_REASON"
        self._on_change()


def _cameras_of(participant: rtc.RemoteParticipant) -> dict[str, rtc.RemoteTrackPublication]:
    return {
        sid: publication
        for sid, publication in list(participant.track_publications.items())
        if publication.kind == rtc.TrackKind.KIND_VIDEO and publication.source not in SCREENS
    }


def _camera(watch: TrackWatch) -> Camera:
    return Camera(watch.participant.identity, watch.publication.source)


def _count(cameras: dict[str, _Cameras]) -> int:
    return sum(map(len, cameras.values()))
