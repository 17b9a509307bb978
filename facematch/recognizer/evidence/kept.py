"""What looks say together: kept for each participant of each room, and each of their cameras; told with each Check.

With CONTINUITY off only the last looks at the face before each camera are kept, for as long as it is watched. With it
on, they and an anchor belong to the participant, and outlive mute, camera off and on, and ten minutes after they left.
All of it is in memory only; the next recognizer gets the anchors from this one (`handing_on`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from facematch.faces.fused import FusedFace, nearness
from facematch.faces.stillness import Stillness
from facematch.protocol.events import Evidence, PersonNear
from facematch.recognizer.evidence.continuity import Continuity, State
from facematch.recognizer.evidence.subject_face import is_sharp, subject_face
from facematch.recognizer.evidence.unknown_faces import SeenFace
from facematch.recognizer.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Collection

    from facematch.faces.detector import BBox, Pixels
    from facematch.faces.engine import Face
    from facematch.faces.ranking import Enrolled, Nearness
    from facematch.faces.tolerance import MatchRules
    from facematch.recognizer.evidence.continuity import Anchor

KEPT_SECONDS: Final = 600.0
"""From when somebody left, or from when nobody can say who is there, to when what is kept of them is dropped."""
EXPIRY_SECONDS: Final = 10.0
"""From one look for what has been kept for long enough to the next."""
MOST: Final = 10_000
"""Participants of whom anything is kept: anybody can join under new names all day."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Whom faces are compared with, at the end of a batch."""

    enrolled: Enrolled
    rules: MatchRules
    room: str
    bound: str | None = None
    """The id of the person whom this participant is supposed to be."""


@dataclass(slots=True)
class Frames:
    """What one batch had before it."""

    faces: list[list[Face]] = field(default_factory=list)
    """Of each frame that was looked at."""
    last: Pixels | None = None
    """The pixels of the last one with a face."""

    def add(self, faces: list[Face], pixels: Pixels) -> None:
        """One more, (H, W, 3)."""
        self.faces.append(faces)
        self.last = pixels if faces else self.last

    @property
    def largest(self) -> BBox | None:
        """Of the faces in the last one with a face."""
        with_face = [faces for faces in self.faces if faces]
        return max((face.bbox for face in with_face[-1]), key=lambda box: box[1] - box[3]) if with_face else None


@dataclass(slots=True)
class _Camera:
    """What the last looks at one camera showed."""

    face: FusedFace = field(default_factory=FusedFace)
    stillness: Stillness = field(default_factory=Stillness)
    good: bool = False
    """Whether the last batch had a look that counts."""
    bbox: BBox | None = None
    """Of the last face that counted."""
    still: bool | None = None


@dataclass(slots=True)
class _Participant:
    continuity: Continuity = field(default_factory=Continuity)
    cameras: dict[str, _Camera] = field(default_factory=dict)
    """By the sid of the track."""
    last: FusedFace = field(default_factory=FusedFace)
    """The face of the last look that counts: a camera that is switched on goes on from there."""
    away_since: float | None = None
    """Monotonic seconds; None: they are there."""
    left: bool = False
    """LiveKit said so."""


class RoomEvidence:
    """Of one room, kept from one stay in it to the next.

    Args:
        continuity: CONTINUITY.
        watched_anew: notified when somebody is watched who was not.
    """

    def __init__(self, *, continuity: bool, watched_anew: Wakeup | None = None) -> None:
        self._continuity = continuity
        self._watched_anew = watched_anew or Wakeup()
        self._kept: dict[str, _Participant] = {}
        self.watched: set[str] = set()
        """Whose cameras are watched, or were, and may be again."""

    def watch(self, identity: str) -> None:
        """A camera of theirs is watched."""
        if identity not in self.watched:
            self.watched.add(identity)
            self._watched_anew.notify()

    def add(self, identity: str, track_sid: str, frames: Frames, compared: Compared) -> Evidence | None:
        """A batch has ended.

        Returns:
            What its Check tells; None: nothing yet.
        """
        self.watch(identity)
        participant = self._participant(identity)
        if track_sid not in participant.cameras:
            face = participant.last if self._continuity else FusedFace()
            participant.cameras[track_sid] = _Camera(face.copy())
        kept = participant.cameras[track_sid]
        self._look(participant, kept, frames)
        return self._told(participant, kept, compared)

    def seen_face(self, identity: str, track_sid: str, frames: Frames) -> SeenFace | None:
        """The face of the batch that has just been added; None: it had none that counts."""
        participant = self._kept.get(identity)
        kept = participant.cameras.get(track_sid) if participant else None
        if kept is None or not kept.good or kept.bbox is None or frames.last is None:
            return None
        return SeenFace(kept.face.embedding, kept.bbox, frames.last)

    def camera_gone(self, identity: str, track_sid: str) -> None:
        """A camera is not watched any more. With CONTINUITY off nothing is kept of it."""
        participant = self._kept.get(identity)
        if participant is None:
            return
        participant.cameras.pop(track_sid, None)
        if not participant.cameras and not self._continuity:
            del self._kept[identity]

    def there(self, identities: Collection[str], now: float) -> None:
        """These are in the room, says LiveKit; all others have left."""
        self.watched.intersection_update({*identities, *self._kept})
        for identity, participant in self._kept.items():
            if identity in identities:
                participant.away_since, participant.left = None, False
            else:
                participant.left = True
                if participant.away_since is None:
                    participant.away_since = now

    def nobody_knows(self, now: float) -> None:
        """LiveKit is away: who leaves does so unseen."""
        for participant in self._kept.values():
            if participant.away_since is None:
                participant.away_since = now

    def expire(self, now: float) -> None:
        """Drop what has been kept for long enough."""
        for identity, participant in list(self._kept.items()):
            if participant.away_since is None or now - participant.away_since < KEPT_SECONDS:
                continue
            if participant.continuity.anchor is not None and not participant.left:
                participant.continuity.not_kept()
            elif participant.left or participant.continuity.state is not State.LOST:
                del self._kept[identity]
            participant.cameras, participant.last = {}, FusedFace()

    def forget(self, identity: str) -> None:
        """Drop at once what is kept of a participant: erased, or not to be compared any more."""
        self._kept.pop(identity, None)
        self.watched.discard(identity)

    def anchors(self) -> dict[str, Anchor]:
        """Those that there are, by identity."""
        found = ((identity, one.continuity.anchor) for identity, one in self._kept.items())
        return {identity: anchor for identity, anchor in found if anchor is not None}

    def resume(self, identity: str, anchor: Anchor) -> None:
        """What another recognizer knew of a participant who is watched: looks are compared with it from now on."""
        if identity in self.watched:
            participant = self._participant(identity)
            participant.continuity.resume(anchor, participant.last)

    def acknowledge(self, identity: str) -> None:
        """Whoever is there now is whom a participant's next looks are compared with."""
        participant = self._kept.get(identity)
        if participant is not None:
            participant.continuity.acknowledge(participant.last)

    def _participant(self, identity: str) -> _Participant:
        if identity not in self._kept and len(self._kept) >= MOST:
            gone = [(one.away_since, name) for name, one in self._kept.items() if one.away_since is not None]
            del self._kept[min(gone)[1] if gone else next(iter(self._kept))]
        return self._kept.setdefault(identity, _Participant())

    def _look(self, participant: _Participant, kept: _Camera, frames: Frames) -> None:
        largest = frames.largest
        if largest is None or frames.last is None:
            kept.good, kept.still = False, None
            return
        anchor = participant.continuity.anchor
        known = anchor.embedding if anchor else kept.face.embedding if kept.face.looks else None
        subject = subject_face(frames.faces, known)
        kept.still = kept.stillness.add(frames.last, subject.bbox if subject else largest)
        if all(face.reused for faces in frames.faces for face in faces):
            kept.good = kept.good and kept.face.looks > 0  # the same picture says the same as it did
            return
        kept.good = subject is not None and is_sharp(frames.last, subject.bbox)
        if subject is None or not kept.good:
            return
        kept.face.add(subject.embedding)
        kept.bbox = subject.bbox
        participant.last = kept.face.copy()
        if self._continuity:
            participant.continuity.looked(subject.embedding, kept.face)

    def _told(self, participant: _Participant, kept: _Camera, compared: Compared) -> Evidence | None:
        continuity = participant.continuity
        told = continuity.told if self._continuity else None
        if told == "same" and not kept.good:
            told = None  # it is said of looks only
        if not kept.face.looks and told is None and kept.still is None:
            return None
        if not kept.face.looks:
            return Evidence(good=False, looks=0, continuity=told, still=kept.still)
        near = nearness(kept.face, compared.enrolled, compared.rules, room=compared.room, bound=compared.bound)
        distance = continuity.distance if self._continuity and kept.good else None
        return Evidence(
            good=kept.good,
            looks=kept.face.looks,
            best=_wire(near.best),
            margin=None if near.margin is None else round(near.margin, 6),
            bound=_wire(near.bound),
            stranger=near.stranger,
            to_anchor=None if distance is None else round(distance, 6),
            continuity=told,
            still=kept.still,
        )


def _wire(one: Nearness | None) -> PersonNear | None:
    if one is None:
        return None
    tolerance = None if one.tolerance is None else round(one.tolerance, 6)
    return PersonNear(person_id=one.person_id, distance=round(one.distance, 6), threshold=tolerance)


class KeptEvidence:
    """Of all rooms of a process.

    Args:
        continuity: CONTINUITY.
    """

    def __init__(self, *, continuity: bool) -> None:
        self.continuity = continuity
        self.rooms: dict[str, RoomEvidence] = {}
        self.watched_anew = Wakeup()
        """Somebody is watched who was not."""

    def of(self, room: str) -> RoomEvidence:
        """That of one room."""
        return self.rooms.setdefault(room, RoomEvidence(continuity=self.continuity, watched_anew=self.watched_anew))

    def left(self, room: str) -> None:
        """That room is somebody else's now, who has what was handed on of it: nothing is kept of it here."""
        self.rooms.pop(room, None)

    def forget(self, identity: str) -> None:
        """Drop at once what is kept of a participant, in whatever room."""
        for room in self.rooms.values():
            room.forget(identity)

    def acknowledge(self, identity: str) -> None:
        """Whoever is there now is whom a participant's next looks are compared with, in whatever room."""
        for room in self.rooms.values():
            room.acknowledge(identity)

    async def run(self) -> None:
        """Drop what has been kept for long enough, for ever."""
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            for room in self.rooms.values():
                room.expire(asyncio.get_running_loop().time())
