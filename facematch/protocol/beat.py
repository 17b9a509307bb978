"""The beat of a recognizer that watches the rooms it is given, and the web process's answer: which ones those are.

Once a second, apart from the account of tracks (`heartbeat`), and answered in `ANSWER_SECONDS` or given up. It is a
reconciliation, and no order is ever given: the beat tells what is held, the answer what is to be held. Without an
answer everything stays as it is.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

from pydantic import Field

from facematch.protocol.heartbeat import OrderDone, Orders  # noqa: TC001  (pydantic reads them)
from facematch.protocol.identities import RECOGNIZER_PREFIX
from facematch.protocol.values import Count, Epoch, Message, Name, Ratio, Text, Timestamp

BEAT_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 0.8
"""How long a recognizer waits for the answer: later ones speak of rooms that may be somebody else's by then."""
MOST_ROOMS: Final = 1000
"""That one recognizer holds."""

ROOM_DELETED: Final = "ROOM_DELETED"
"""Why a stay ended, in LiveKit's word: the room is no more."""
PARTICIPANT_REMOVED: Final = "PARTICIPANT_REMOVED"
"""The same: somebody did that, the room's next owner first of all."""

Load = Ratio
"""Frames a second."""
Deployment = Annotated[str, Field(pattern=r"^[a-z0-9]{4,32}$")]
"""Tells the recognizers of one installation from those of another on the same LiveKit."""


class HeldRoom(Message):
    """A room that a recognizer was given, as it is there now."""

    room: Name
    epoch: Epoch
    arrived: bool = Field(default=False, description="It is in the room, in LiveKit's eyes, under this epoch")
    cost: Load = Field(
        default=0, description="Frames a second that the room's cameras need by the duty cycle; 0 when there are none"
    )
    ended: Name | None = Field(
        default=None,
        description="The stay under this epoch is over for good, in LiveKit's word: `ROOM_DELETED`, "
        "`PARTICIPANT_REMOVED`, `DUPLICATE_IDENTITY`. Told until an answer does not name the room with this epoch",
    )


class Beat(Message):
    """What a recognizer says of itself and its rooms."""

    worker: Name = Field(description="Stable name: of the machine and its data folder")
    boot: Name = Field(description="Names this start; `source` of its heartbeats and events")
    sent_at: Timestamp
    first: bool = Field(default=False, description="It has not been answered since it started")
    capacity: Load = Field(description="Frames a second that the machine can process")
    draining: bool = Field(default=False, description="It is stopping, and gives its rooms back")
    rooms: list[HeldRoom] = Field(default=[], max_length=MOST_ROOMS)
    settings: Annotated[dict[Name, Text], Field(max_length=100)] = Field(
        default={}, description="Settings that all processes have to agree on, as texts"
    )
    orders_done: list[OrderDone] = Field(default=[], max_length=100)
    version: Text | None = Field(default=None, description="Of the program")


class AssignedRoom(Message):
    """A room that a recognizer is to hold."""

    room: Name
    epoch: Epoch
    arrived_elsewhere: bool | None = Field(
        default=None,
        description="For a room that is being given away, which stays watched until then: true: its next owner is "
        "there, leave at once. null: it is to be kept",
    )


class BeatAnswer(Message):
    """All the rooms that a recognizer is to hold. What it holds besides, or under another epoch, it leaves at once."""

    ok: bool = True
    deployment: Deployment
    rooms: list[AssignedRoom] = Field(default=[], max_length=MOST_ROOMS)
    gallery_version: Count | None = Field(
        default=None, description="The gallery that is published; a recognizer that has another one fetches it"
    )
    orders: Orders = Field(default=[], description="As in the answers to heartbeats, of which there may be none")
    settings_differ: Annotated[list[Text], Field(max_length=100)] = Field(
        default=[], description="What is set otherwise here, in sentences"
    )
    others: Count | None = Field(
        default=None,
        description="Recognizers besides this one that could take its rooms: one that is stopping waits for nobody "
        "where there is none. null: it does not say",
    )
    again_seconds: Ratio | None = Field(
        default=None,
        description="Beat again after so long, if that is sooner than usual: then a recognizer that has missed a beat "
        "is taken for dead, and its rooms are to be had",
    )
    refused: Text | None = Field(default=None, description="Why this recognizer must not watch; it leaves all rooms")


def room_digest(room: str) -> str:
    """Eight characters that stand for a room in identities and file names, whatever its own are."""
    return hashlib.sha256(room.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def stay_prefix(deployment: str, room: str) -> str:
    """How the identities of all recognizers of a deployment begin in a room; the epoch follows."""
    return f"{RECOGNIZER_PREFIX}-{deployment}-{room_digest(room)}-"


def stay_identity(deployment: str, room: str, epoch: int) -> str:
    """A recognizer's identity in a room: whoever has a larger epoch knows this one by it, and removes it."""
    return f"{stay_prefix(deployment, room)}{epoch}"


def epoch_of(identity: str, deployment: str, room: str) -> int | None:
    """The epoch in an identity; None: not one of this deployment's recognizers in this room."""
    prefix = stay_prefix(deployment, room)
    number = identity.removeprefix(prefix)
    return int(number) if identity.startswith(prefix) and number.isascii() and number.isdigit() else None
