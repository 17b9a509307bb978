"""The wire: what the recognizer tells the web process, and what listeners receive.

Field names, types and meaning of the seed's fields are a public contract; everything else is additive and
optional on input, so that a sender that knows only the seed's fields is understood. Both processes import this
module and nothing of each other.

Conventions: `bbox` is [top, right, bottom, left] in pixels of the received frame; `timestamp` is an aware UTC
time; `distance` is Euclidean between face embeddings (0 the same, about 0.8 strangers); `confidence` is
`1 - distance`, a monotonic score and not a probability.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID  # noqa: TC003  (pydantic reads it at run time)

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainSerializer,
    PositiveInt,
    StringConstraints,
    model_validator,
)


class Outcome(StrEnum):
    """How a batch ended, or why none could be run."""

    MATCH = "match"
    NO_MATCH = "no_match"
    NO_FACE = "no_face"
    NO_FRAMES = "no_frames"
    MUTED = "muted"
    NO_REFERENCE = "no_reference"
    ERROR = "error"


class LiveKitState(StrEnum):
    """The recognizer's connection to its room."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"


LONGEST_NAME = 512
Text = Annotated[str, StringConstraints(max_length=LONGEST_NAME)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
LocalPath = Annotated[str, StringConstraints(max_length=4096)]
Timestamp = Annotated[AwareDatetime, PlainSerializer(datetime.isoformat, return_type=str, when_used="json")]
"""Written with its offset (`+00:00`), as the seed does."""
FileName = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
Distance = Annotated[float, Field(ge=0, le=4, allow_inf_nan=False)]
BBox = tuple[int, int, int, int]
FrameSize = tuple[PositiveInt, PositiveInt]

# What a recognizer says of itself is added, subtracted and written out by whoever hears it: no number of it may be one
# that a clock, a column or JavaScript cannot hold. The limits are far beyond what any recognizer can reach.
MOST_COUNTED = 2**53 - 1
LONGEST_SECONDS = 1e10
"""About 300 years: a machine without a clock of its own begins in 1970, and its outbox ages by decades at once."""
Count = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_SECONDS, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


def confidence_from_distance(distance: float) -> float:
    """The one place where a distance becomes the wire's confidence. Returns `1 - distance`, rounded to 1e-4."""
    return round(1.0 - distance, 4)


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


class _Event(_Wire):
    participant_id: Name = Field(description="The participant's sid", examples=["PA_xxx"])
    participant_name: Name = Field(description="Display name, else identity", examples=["Alice42"])
    timestamp: Timestamp

    event_id: UUID | None = Field(default=None, description="Chosen by the sender; a repeat is stored once")
    source: Name | None = Field(default=None, description="One boot of one recognizer")
    seq: PositiveInt | None = Field(default=None, le=2**53 - 1, description="1, 2, 3 … per source, without a gap")
    room: Name | None = None
    participant_identity: Name | None = Field(default=None, description="Chosen by a client: untrusted")
    track_sid: Name | None = None
    cycle_id: Name | None = Field(default=None, description="One batch; its Matches and its Check share it")
    reference_id: Name | None = Field(default=None, description="The reference set that the batch used")


class Match(_Event):
    """A face within the threshold of the reference, seen in one frame."""

    type: Literal["match"] = "match"
    confidence: FiniteFloat = Field(le=1, ge=-3, description="1 - distance: a score, not a probability")
    filename: LocalPath | None = Field(description="Absolute path of the snapshot on the recognizer's machine")
    snapshot: FileName | None = Field(description="Its name under /captures/; null when none could be written")
    bbox: BBox = Field(description="[top, right, bottom, left] in frame_size pixels")
    frame_size: FrameSize = Field(description="[width, height] of the received frame")

    distance: Distance | None = None
    threshold: Distance | None = None
    model: Name | None = Field(default=None, description="Which encoder made the embedding")

    @model_validator(mode="after")
    def _box_has_an_inside(self) -> Self:
        top, right, bottom, left = self.bbox
        if bottom <= top or right <= left:
            raise ValueError("bbox must be [top, right, bottom, left] with bottom > top and right > left")
        return self


class Check(_Event):
    """The end of one batch (or the reason why none could be run), whether or not anything matched."""

    type: Literal["check"] = "check"
    match_found: bool
    outcome: Outcome | None = None
    frames: Count | None = Field(default=None, description="Frames looked at in this batch")
    faces: Count | None = Field(default=None, description="Most faces seen in one frame of the batch")
    best_distance: Distance | None = Field(default=None, description="Smallest distance seen; null without a face")

    @model_validator(mode="after")
    def _outcome_agrees(self) -> Self:
        if self.outcome is not None and self.match_found != (self.outcome is Outcome.MATCH):
            raise ValueError("match_found must be true exactly when outcome is 'match'")
        return self


Event = Match | Check

MOST_EVENTS = 256


class Events(_Wire):
    """Events that had to wait, in one body and in order."""

    events: Annotated[list[Annotated[Event, Field(discriminator="type")]], Field(min_length=1, max_length=MOST_EVENTS)]


class TrackStatus(_Wire):
    """One video track as the recognizer sees it at the moment of a heartbeat."""

    track_sid: Name
    participant_id: Name
    participant_identity: Name
    participant_name: Name
    state: Literal["idle", "queued", "probe", "hold", "wait"] = Field(
        description="idle: no reference yet; queued: its turn has come, all batch places are taken"
    )
    deadline_in: Seconds | None = Field(
        default=None, description="Seconds until the state ends by itself, counted from sent_at"
    )
    muted: bool = False
    cycle_id: Name | None = None
    batches: Count = 0
    last_outcome: Outcome | None = None
    last_check_at: Timestamp | None = None
    last_match_at: Timestamp | None = None


class EraseParticipant(_Wire):
    """The web process asks the recognizer, in the answer to a heartbeat, to forget a participant's events."""

    id: UUID
    kind: Literal["erase_participant"] = "erase_participant"
    participant_identity: Name


class EraseReference(_Wire):
    """The same for the events that came of a reference, as soon as it is not in use any more."""

    id: UUID
    kind: Literal["erase_reference"] = "erase_reference"
    reference_id: Name
    until: Timestamp = Field(description="What happened later came of the same photo, enrolled again")


Order = Annotated[EraseParticipant | EraseReference, Field(discriminator="kind")]


class OrderDone(_Wire):
    """An order that the recognizer has carried out; told in every heartbeat until the order is no longer given."""

    id: UUID
    erased_events: Count = Field(description="Undelivered and refused events removed from the outbox")


class HeartbeatAnswer(_Wire):
    """The web process's answer to a heartbeat."""

    ok: Literal[True] = True
    orders: Annotated[list[Order], Field(max_length=100)] = []


class CycleSettings(_Wire):
    """What a listener needs to draw countdowns and thresholds."""

    batch_max_frames: Annotated[int, Field(ge=1, le=MOST_COUNTED)]
    hold_seconds: Seconds
    wait_seconds: Seconds
    batch_timeout_seconds: Seconds
    match_cooldown_seconds: Seconds
    threshold: Distance


MOST_TRACKS = 2000


class Heartbeat(_Wire):
    """The recognizer's own account, posted every HEARTBEAT_SECONDS (2 s)."""

    source: Name
    room: Name
    started_at: Timestamp
    sent_at: Timestamp
    livekit: LiveKitState
    reference_id: Name | None = Field(default=None, description="null: none enrolled")
    reference_error: Text | None = Field(default=None, description="Why the file on disk is not in use")
    settings: CycleSettings
    tracks: Annotated[list[TrackStatus], Field(max_length=MOST_TRACKS)]
    counters: dict[Name, Count] = Field(
        description="batches, batches_delayed, frames, faces, matches, checks, errors, events_posted, events_dropped, "
        "events_rejected (since start); events_queued, streams_open, tasks (now)"
    )
    outbox_age_seconds: Seconds = Field(default=0, description="How long the oldest undelivered event waits")
    outbox_durable: bool = Field(default=True, description="false: the disk takes nothing, events wait in memory")
    batch_places_waiting: Count = Field(default=0, description="Tracks whose batch is due and has no place")
    outcomes: dict[Outcome, Count] = Field(default={}, description="Checks by outcome since start")
    timings: dict[Literal["detect", "encode", "delay"], Seconds] = Field(
        default={},
        description="Seconds since start: looking for faces, landmarks and embeddings (over all threads), and by which "
        "batches began later than they were due",
    )
    orders_done: Annotated[list[OrderDone], Field(max_length=100)] = []
    cpu_seconds: Seconds = Field(description="CPU time used since start")
    cpu_ratio: Ratio = Field(description="CPU used since the last heartbeat, 1.0 = one core")
    memory_bytes: Count = Field(description="Resident memory of the recognizer")
    memory_ratio: Ratio = Field(description="Memory in use against the limit that the watchdog reads")


def to_wire(event: Event) -> dict[str, Any]:
    """The JSON-ready dict of an event, every field present, as posted and as broadcast."""
    return event.model_dump(mode="json")
