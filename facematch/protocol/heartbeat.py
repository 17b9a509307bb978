"""The recognizer's account of itself, and what the web process answers.

Times and durations are the recognizer's own: `sent_at` is its wall clock, `deadline_in` counts from there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from uuid import UUID  # noqa: TC003  (pydantic reads it at run time)

from pydantic import BeforeValidator, Field

from facematch.protocol.events import FIRST_TYPES, Outcome
from facematch.protocol.values import (
    MOST_COUNTED,
    Count,
    Distance,
    FileName,
    Message,
    Name,
    Ratio,
    Seconds,
    Text,
    Timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Collection


MOST_TRACKS = 2000
MOST_SNAPSHOTS = 200
"""Told of one order; what is left is found by retention."""
MOST_BYTES = 4 * 1024 * 1024
"""Of a heartbeat as JSON in UTF-8. The most tracks fit with names of ordinary length; of long ones, fewer are told."""


def _known_only(names: Collection[str]) -> BeforeValidator:
    """For figures by name: those that a newer recognizer adds are left out, as the fields that it adds are."""

    def keep(given: Any) -> Any:
        return {name: figure for name, figure in given.items() if name in names} if isinstance(given, dict) else given

    return BeforeValidator(keep)


class LiveKitState(StrEnum):
    """The recognizer's connection to its room."""

    CONNECTING = "connecting"
    WAITING = "waiting"
    """For the room: LiveKit makes none by itself, and there is none of this name yet."""
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"


class TrackStatus(Message):
    """One video track as the recognizer sees it at the moment of a heartbeat."""

    track_sid: Name
    participant_id: Name
    participant_identity: Name
    participant_name: Name
    state: Literal["idle", "queued", "probe", "hold", "wait"] = Field(
        description="idle: nobody to look for yet, or see idle_reason; queued: its turn has come, all batch places are "
        "taken"
    )
    idle_reason: Name | None = Field(
        default=None,
        description="`consent`: its participant has not agreed; `not_compared`: they are not to be compared. null: "
        "nobody is looked for yet",
    )
    claims_person: Name | None = Field(
        default=None,
        description="With BINDINGS_FROM_ATTRIBUTES: who its participant is supposed to be by their attribute "
        "`facematch.person`, which they cannot change",
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


class EraseParticipant(Message):
    """The web process asks the recognizer, in the answer to a heartbeat, to forget a participant's events."""

    id: UUID
    kind: Literal["erase_participant"] = "erase_participant"
    participant_identity: Name


class EraseReference(Message):
    """The same for the events that came of a reference, as soon as it is not in use any more."""

    id: UUID
    kind: Literal["erase_reference"] = "erase_reference"
    reference_id: Name
    until: Timestamp = Field(description="What happened later came of the same photo, enrolled again")


class ErasePerson(Message):
    """The same for the Matches of a person, as soon as the gallery in force is without them. Only those are told who
    have a gallery.
    """

    id: UUID
    kind: Literal["erase_person"] = "erase_person"
    person_ids: list[Name] = Field(description="More than one when people were merged")


Order = Annotated[EraseParticipant | EraseReference | ErasePerson, Field(discriminator="kind")]

_ORDER_KINDS = ("erase_participant", "erase_reference", "erase_person")


def _orders_known(given: Any) -> Any:
    """Without those of a kind that only a newer web process gives: they are not done, and the others are."""
    if not isinstance(given, list):
        return given
    kinds = (order.get("kind", _ORDER_KINDS[0]) if isinstance(order, dict) else _ORDER_KINDS[0] for order in given)
    return [
        order for order, kind in zip(given, kinds, strict=True) if kind in _ORDER_KINDS or not isinstance(kind, str)
    ]


Orders = Annotated[list[Order], BeforeValidator(_orders_known), Field(max_length=100)]


class OrderDone(Message):
    """An order that the recognizer has carried out; told in every heartbeat until the order is no longer given."""

    id: UUID
    erased_events: Count = Field(description="Undelivered and refused events removed from the outbox")
    snapshots: Annotated[list[FileName], Field(max_length=MOST_SNAPSHOTS)] = Field(
        default=[], description="Of those events: they may have come before the events would have"
    )


class HeartbeatAnswer(Message):
    """The web process's answer to a heartbeat."""

    ok: Literal[True] = True
    gallery_version: Count | None = Field(
        default=None, description="The gallery that is published; a recognizer that has another one fetches it"
    )
    orders: Orders = Field(default=[])
    takes: list[Name] = Field(
        default=[*FIRST_TYPES], max_length=100, description="Types of events that it takes; others are not sent"
    )
    bindings: Annotated[dict[Name, Name], Field(max_length=MOST_TRACKS)] | None = Field(
        default=None,
        description="Which `person_id` participants are supposed to be, by identity; of those only whom the heartbeat "
        "named. null: it cannot say now",
    )
    not_compared: Annotated[list[Name], Field(max_length=MOST_TRACKS)] | None = Field(
        default=None, description="Identities named in the heartbeat that are not to be looked at. null: see bindings"
    )
    all_compared: bool = Field(
        default=False, description="Nobody at all is not to be looked at: whoever comes need not be asked about first"
    )
    acknowledged: Annotated[dict[Name, Count], Field(max_length=MOST_TRACKS)] | None = Field(
        default=None,
        description="Identities named in the heartbeat whose other face somebody has seen to, with a number that rises "
        "each time. null: see bindings",
    )
    look_now: list[Name] = Field(
        default=[], max_length=MOST_TRACKS, description="Identities whose next batch is due at once"
    )


class CycleSettings(Message):
    """What a listener needs to draw countdowns and thresholds."""

    batch_max_frames: Annotated[int, Field(ge=1, le=MOST_COUNTED)]
    hold_seconds: Seconds
    wait_seconds: Seconds
    batch_timeout_seconds: Seconds
    match_cooldown_seconds: Seconds
    threshold: Distance


Timing = Literal["detect", "encode", "delay"]


class Heartbeat(Message):
    """The recognizer's own account, posted every HEARTBEAT_SECONDS (2 s)."""

    source: Name
    room: Name
    started_at: Timestamp
    sent_at: Timestamp
    livekit: LiveKitState
    reference_id: Name | None = Field(default=None, description="null: none enrolled")
    reference_error: Text | None = Field(default=None, description="Why the file on disk is not in use")
    gallery_version: Count | None = Field(default=None, description="The gallery in force; null: none yet")
    gallery_error: Text | None = Field(default=None, description="Why the gallery that is published is not in force")
    settings: CycleSettings
    agreed: Annotated[dict[Name, Text], Field(max_length=100)] = Field(
        default={}, description="Settings that it has to have alike with the API, as texts; empty: its beats tell them"
    )
    tracks: Annotated[list[TrackStatus], Field(max_length=MOST_TRACKS)]
    tracks_left_out: Count = Field(
        default=0, description="Cameras over MAX_TRACKS_PER_PARTICIPANT or MAX_TRACKS, which are not watched"
    )
    tracks_untold: Count = Field(default=0, description="Watched tracks that this heartbeat has no room for")
    counters: dict[Name, Count] = Field(
        description="batches, batches_delayed, frames, frames_reused, faces, matches, checks, errors, events_posted, "
        "events_dropped, events_rejected (since start); events_queued, streams_open, tasks (now)"
    )
    outbox_age_seconds: Seconds = Field(default=0, description="How long the oldest undelivered event waits")
    outbox_durable: bool = Field(default=True, description="false: the disk takes nothing, events wait in memory")
    batch_places_waiting: Count = Field(default=0, description="Tracks whose batch is due and has no place")
    outcomes: Annotated[dict[Outcome, Count], _known_only(set(Outcome))] = Field(
        default={}, description="Checks by outcome since start"
    )
    timings: Annotated[dict[Timing, Seconds], _known_only(get_args(Timing))] = Field(
        default={},
        description="Seconds since start: looking for faces, landmarks and embeddings (over all threads), and by which "
        "batches began later than they were due",
    )
    orders_done: list[OrderDone] = Field(default=[], max_length=100)
    cpu_seconds: Seconds = Field(description="CPU time used since start")
    cpu_ratio: Ratio = Field(description="CPU used since the last heartbeat, 1.0 = one core")
    memory_bytes: Count = Field(description="Resident memory of the recognizer")
    memory_ratio: Ratio = Field(description="Memory in use against the limit that the watchdog reads")
