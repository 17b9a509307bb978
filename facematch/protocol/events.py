"""Events: what the recognizer tells the web process, and what listeners receive.

Field names, types and meaning of the seed's fields are a public contract; everything else is additive and
optional on input, so that a sender that knows only the seed's fields is understood. Both processes import this
module and nothing of each other.

Conventions: `bbox` is [top, right, bottom, left] in pixels of the received frame; `timestamp` is an aware UTC
time; `distance` is Euclidean between face embeddings (0 the same, about 0.8 strangers); `confidence` is
`1 - distance`, a monotonic score and not a probability.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self, get_args
from uuid import UUID  # noqa: TC003  (pydantic reads it at run time)

from pydantic import Field, FiniteFloat, PositiveInt, model_validator

from facematch.protocol.values import (
    BBox,
    Count,
    Distance,
    Epoch,
    FileName,
    FrameSize,
    LocalPath,
    Message,
    Name,
    Seconds,
    Timestamp,
)


class Outcome(StrEnum):
    """How a batch ended, or why none could be run."""

    MATCH = "match"
    NO_MATCH = "no_match"
    NO_FACE = "no_face"
    NO_FRAMES = "no_frames"
    MUTED = "muted"
    ENCRYPTED = "encrypted"
    """End to end: it cannot be looked at, and is not subscribed."""
    DENIED = "denied"
    """LiveKit does not give the track: its publisher does not let the recognizer subscribe."""
    TOO_LARGE = "too_large"
    """Its frames have more pixels than are taken."""
    NO_REFERENCE = "no_reference"
    ERROR = "error"


def confidence_from_distance(distance: float) -> float:
    """The one place where a distance becomes the wire's confidence. Returns `1 - distance`, rounded to 1e-4."""
    return round(1.0 - distance, 4)


_UPTIME = (
    "Monotonic seconds of the recognizer: what lies between two of the same `source` has passed, whatever clocks say"
)


class _Event(Message):
    timestamp: Timestamp

    event_id: UUID | None = Field(default=None, description="Chosen by the sender; a repeat is stored once")
    source: Name | None = Field(default=None, description="One boot of one recognizer")
    seq: PositiveInt | None = Field(
        default=None, le=2**53 - 1, description="1, 2, 3 … per source, without a gap; matches and checks only have one"
    )
    room: Name | None = None
    epoch: Epoch | None = Field(
        default=None, description="Which of the room's owners, one after the other, saw it; null: ROOMS is not set"
    )


class _OfParticipant(_Event):
    participant_id: Name = Field(description="The participant's sid", examples=["PA_xxx"])
    participant_name: Name = Field(description="Display name, else identity", examples=["Alice42"])
    participant_identity: Name | None = Field(default=None, description="Chosen by a client: untrusted")


class _OfBatch(_OfParticipant):
    track_sid: Name | None = None
    cycle_id: Name | None = Field(default=None, description="One batch; its Matches and its Check share it")
    reference_id: Name | None = Field(
        default=None,
        description="The photo, or set of photos, that was compared with. Check: the default person's photo, if they "
        "were named or nobody else was compared",
    )
    gallery_version: Count | None = Field(default=None, description="The gallery that was compared with; null: none")
    candidates: Count | None = Field(default=None, description="How many people of the gallery were compared")
    threshold: Distance | None = Field(
        default=None, description="Match: the tolerance in force for the person. Check: for a person with one photo"
    )
    threshold_reason: Name | None = Field(
        default=None,
        description="Why: `match_tolerance` as set, `own` the person's, `stranger_rate` lowered for so many people, "
        "`TOO_MANY_CANDIDATES` there is none",
    )


class PersonNear(Message):
    """Somebody whom a face resembles."""

    person_id: Name
    person_name: Name | None = Field(default=None, description="Added by the API")
    distance: Distance
    threshold: Distance | None = Field(default=None, description="Theirs, in force; null: too many candidates")


MOST_NEAR = 16


class Evidence(Message):
    """What several looks at a participant say together. Nobody is named by it: that is a Match's."""

    good: bool = Field(description="This batch had a look that counts: one face, large, sharp and upright enough")
    looks: Count = Field(description="Looks that the fused face is the mean of; 0: none counts any more")
    best: PersonNear | None = Field(
        default=None,
        description="The person nearest to the fused face, if within 0.1 of their tolerance, which is that of so many "
        "looks",
    )
    margin: FiniteFloat | None = Field(
        default=None, description="How much farther the next person of the gallery is than `best`; null: there is none"
    )
    bound: PersonNear | None = Field(
        default=None, description="Whom the participant is supposed to be, compared with the fused face one to one"
    )
    stranger: bool = Field(default=False, description="Two looks or more say that it is nobody of those compared")
    to_anchor: Distance | None = Field(
        default=None, description="From the fused face to the participant's anchor; null: none, or CONTINUITY is off"
    )
    continuity: Literal["same", "changed", "lost"] | None = Field(
        default=None,
        description="Whether it is still the face that was there before; `lost`: there was one, and it is not known "
        "any more; null: not said yet, or CONTINUITY is off",
    )
    still: bool | None = Field(
        default=None,
        description="The face has not changed beyond a sensor's noise over three looks: a picture, or a frozen or "
        "virtual camera; null: not known yet",
    )


class Match(_OfBatch):
    """A face within the threshold of a person, seen in one frame."""

    type: Literal["match"] = "match"
    confidence: FiniteFloat = Field(le=1, ge=-3, description="1 - distance: a score, not a probability")
    filename: LocalPath | None = Field(description="Absolute path of the snapshot on the recognizer's machine")
    snapshot: FileName | None = Field(description="Its name under /captures/; null when none could be written")
    bbox: BBox = Field(description="[top, right, bottom, left] in frame_size pixels")
    frame_size: FrameSize = Field(description="[width, height] of the received frame")

    person_id: Name | None = Field(default=None, description="`default`: the person of the reference photo")
    person_name: Name | None = Field(default=None, description="Added by the API")
    distance: Distance | None = None
    margin: FiniteFloat | None = Field(
        default=None, description="How much farther the next person of the gallery is; null: there is none"
    )
    model: Name | None = Field(default=None, description="Which encoder made the embedding")

    @model_validator(mode="after")
    def _box_has_an_inside(self) -> Self:
        top, right, bottom, left = self.bbox
        if bottom <= top or right <= left:
            raise ValueError("bbox must be [top, right, bottom, left] with bottom > top and right > left")
        return self


class Check(_OfBatch):
    """The end of one batch (or the reason why none could be run), whether or not anything matched."""

    type: Literal["check"] = "check"
    match_found: bool
    outcome: Outcome | None = None
    frames: Count | None = Field(default=None, description="Frames looked at in this batch")
    frames_reused: Count | None = Field(
        default=None, description="Of them, unchanged since an earlier one was searched, whose answer they share"
    )
    faces: Count | None = Field(default=None, description="Most faces seen in one frame of the batch")
    best_distance: Distance | None = Field(
        default=None, description="Of the face that matched, else the smallest seen; null without a face"
    )
    people: list[PersonNear] | None = Field(
        default=None, max_length=MOST_NEAR, description="Who was within 0.1 of their tolerance, nearest first"
    )
    named: list[Name] | None = Field(
        default=None, max_length=MOST_NEAR, description="`person_id` of who was named, be a Match of them told or not"
    )
    unknown_faces: Count | None = Field(
        default=None, description="Faces without a name in the frame that matched, else most in one frame"
    )
    reason: Name | None = Field(
        default=None,
        description="Why nobody was named: `ambiguous` two people are about as near, `TOO_MANY_CANDIDATES` more are "
        "compared than one look can tell apart; null: somebody was, or nobody is near",
    )
    evidence: Evidence | None = Field(
        default=None, description="What the looks so far say together; null: nothing, or an older recognizer"
    )
    looked_from: Timestamp | None = Field(
        default=None, description="When its first frame was looked at; without one, when the batch began"
    )
    looked_until: Timestamp | None = Field(
        default=None, description="When its last frame was looked at; without one, when the batch ended"
    )
    uptime_from: Seconds | None = Field(default=None, description="`looked_from` on the recognizer's steady clock")
    uptime_until: Seconds | None = Field(default=None, description="`looked_until` on the recognizer's steady clock")

    @model_validator(mode="after")
    def _outcome_agrees(self) -> Self:
        if self.outcome is not None and self.match_found != (self.outcome is Outcome.MATCH):
            raise ValueError("match_found must be true exactly when outcome is 'match'")
        return self


class ParticipantChange(_OfParticipant):
    """Somebody came into the room, or left it, says LiveKit; or they agreed to be compared, or withdrew that."""

    type: Literal["participant"] = "participant"
    change: Literal["joined", "left", "consent_given", "consent_withdrawn"]
    already: bool = Field(
        default=False,
        description="Of joined: they were there when the recognizer came (back). Of left: they left while it was away",
    )
    uptime: Seconds | None = Field(default=None, description=_UPTIME)


class WatchChange(_Event):
    """The recognizer began to watch, or lost sight: of a room, or of one camera when a track is named."""

    type: Literal["watch"] = "watch"
    change: Literal["began", "lost", "restarted"] = Field(
        description="restarted: what was known of this camera is forgotten, and it is looked at anew"
    )
    reason: Name | None = Field(
        default=None,
        description="Of lost, in a word. Of a camera that may not be looked at: `consent`, `not_compared`",
        examples=["SERVER_SHUTDOWN"],
    )
    participants: Count | None = Field(
        default=None, description="Of a room that began: how many were there; a `participant` of each follows"
    )
    participant_id: Name | None = Field(default=None, description="Whose camera it is; null: it is about the room")
    participant_name: Name | None = None
    participant_identity: Name | None = None
    track_sid: Name | None = None
    uptime: Seconds | None = Field(default=None, description=_UPTIME)


class IdentityState(StrEnum):
    """Whether a participant is who they are supposed to be."""

    UNBOUND = "unbound"
    """Nobody says who that is."""
    PENDING = "pending"
    """Not known yet."""
    EXPECTED = "expected"
    ACCOMPANIED = "accompanied"
    """Expected, and other faces are there."""
    UNEXPECTED = "unexpected"
    """Somebody else, or a stranger."""
    SWAPPED = "swapped"
    """Another face than before, and nobody has acknowledged it."""
    NOT_SEEN = "not_seen"
    """No face."""
    UNKNOWABLE = "unknowable"
    """Nothing can be looked at."""
    ABSENT = "absent"
    """They left, says LiveKit."""


class _OfIdentity(_Event):
    participant_id: Name | None = Field(default=None, description="The participant's sid, as last known")
    participant_name: Name | None = None
    participant_identity: Name
    person_id: Name | None = Field(default=None, description="Who they are supposed to be; null: nobody says")
    person_name: Name | None = None


class IdentityChange(_OfIdentity):
    """A participant's identity is in another state. Made by the API, in the transaction that stores the cause."""

    type: Literal["identity"] = "identity"
    state: IdentityState
    detail: Name | None = Field(
        default=None,
        description="Of `unexpected`: `other_person`, `stranger`. Of `unknowable`: why",
        examples=["muted"],
    )
    was: IdentityState | None = Field(default=None, description="The state before; null: there was none")
    seen_person_id: Name | None = Field(default=None, description="Of `other_person`: who was recognised")
    seen_person_name: Name | None = None
    looks: Count | None = Field(default=None, description="On how many it rests")
    certainty: Literal["sure", "few_photos", "one_look"] | None = Field(
        default=None,
        description="sure: several looks together, and three photos or more of the person; few_photos: fewer; "
        "one_look: on looks that name somebody one by one",
    )
    since: Timestamp = Field(description="When it was seen, said or heard what it rests on")
    cause: UUID | None = Field(default=None, description="`event_id` of what it follows from")


class BindingChange(_OfIdentity):
    """Somebody says who a participant is supposed to be, or that they have seen to a swapped face."""

    type: Literal["binding"] = "binding"
    change: Literal["bound", "unbound", "acknowledged"]
    valid_until: Timestamp | None = Field(default=None, description="Of bound; null: until it is taken back")
    by: Name = Field(description="In which role, or by what", examples=["admin (key)", "invitation", "expired"])


class ViewingChange(_Event):
    """Somebody watches a room's videos without being seen there, or does not any more. Made by the API."""

    type: Literal["viewing"] = "viewing"
    change: Literal["began", "ended"]
    viewing_id: UUID = Field(description="The same of both")
    by: Name = Field(description="Who, in which role, and how that is known", examples=["viewer (login)"])
    login: Name | None = Field(
        default=None,
        description="The same for all that one login does; null: a key, or a program of this machine",
    )

    # Of no participant: who watches is none.
    participant_id: ClassVar[None] = None
    participant_name: ClassVar[None] = None
    participant_identity: ClassVar[None] = None


class AlarmKind(StrEnum):
    """What somebody has to look at."""

    MATCH = "match"
    """Somebody who is looked for was seen, and nobody says that the participant is that person."""
    SOMEONE_ELSE = "someone_else"
    """A participant is not who they are supposed to be."""
    FACE_CHANGED = "face_changed"
    """Another face than before."""


class AlarmChange(_OfIdentity):
    """Something has to be looked at, or somebody has looked at it. Made by the API."""

    type: Literal["alarm"] = "alarm"
    change: Literal["raised", "acknowledged", "judged"]
    alarm_id: UUID = Field(description="The same for all that is told of one alarm")
    kind: AlarmKind
    seen_person_id: Name | None = Field(default=None, description="Who was seen; null: nobody who is known")
    seen_person_name: Name | None = None
    verdict: Literal["right", "wrong"] | None = Field(default=None, description="Of judged")
    by: Name | None = Field(
        default=None,
        description="Of acknowledged and judged: their own name if they gave one, in which role, and how that is known",
        examples=["Dana, viewer (login)"],
    )
    cause: UUID | None = Field(
        default=None, description="`event_id` of what it follows from; null: of somebody's own doing"
    )


Audited = Literal[
    "signed_in",
    "signed_out",
    "all_signed_out",
    "reference_replaced",
    "reference_erased",
    "photos_added",
    "photos_imported",
    "photo_deleted",
    "people_merged",
    "person_split",
]


class AuditEntry(_Event):
    """Somebody signed in or out, or changed photos or whose they are. Made by the API."""

    type: Literal["audit"] = "audit"
    change: Audited
    by: Name = Field(
        description="Their own name if they gave one, in which role, and how that is known",
        examples=["Dana, admin (login)"],
    )
    person_id: Name | None = Field(
        default=None,
        description="Of `photos_added` and `photo_deleted`: whose they are; of `people_merged`: who got the "
        "other's; of `person_split`: who had them",
    )
    person_name: Name | None = None
    photos: Count | None = Field(
        default=None, description="Of `photos_added` and `photos_imported`: how many were taken"
    )

    # Of no participant.
    participant_id: ClassVar[None] = None
    participant_name: ClassVar[None] = None
    participant_identity: ClassVar[None] = None


Reported = Match | Check | ParticipantChange | WatchChange
"""What recognizers tell."""

Event = Reported | IdentityChange | BindingChange | ViewingChange | AlarmChange | AuditEntry
"""What the log holds."""

ReportedType = Literal["match", "check", "participant", "watch"]
REPORTED_TYPES: tuple[ReportedType, ...] = get_args(ReportedType)

EventType = Literal["match", "check", "participant", "watch", "identity", "binding", "viewing", "alarm", "audit"]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)

FIRST_TYPES: tuple[EventType, ...] = ("match", "check")
"""What every version takes, and whoever names no types is told."""

KINDS: tuple[str, ...] = (*REPORTED_TYPES, "participant.consent")
"""What this version takes: types, and what was added to a type after others had learnt it."""


def kind_of(body: dict[str, Any]) -> str:
    """Of an event as it is posted: one of `KINDS`."""
    consent = str(body.get("change", "")).startswith("consent_")
    return f"{body['type']}.consent" if consent else str(body["type"])


MOST_EVENTS = 256


class Events(Message):
    """Events that had to wait, in one body and in order."""

    events: Annotated[
        list[Annotated[Reported, Field(discriminator="type")]], Field(min_length=1, max_length=MOST_EVENTS)
    ]


def to_wire(event: Event) -> dict[str, Any]:
    """The JSON-ready dict of an event, every field present, as posted and as broadcast."""
    return event.model_dump(mode="json")
