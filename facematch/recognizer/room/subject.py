"""Whom an event is about, in words that the wire takes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from facematch.protocol.attributes import PERSON
from facematch.protocol.values import LONGEST_NAME

if TYPE_CHECKING:
    from livekit import rtc


@dataclass(frozen=True, slots=True)
class Participant:
    """Who it is, at the moment of the report (names arrive late and change).

    Whatever a client calls itself can be told: what the wire does not take is cut and replaced here.
    """

    participant_id: str
    participant_name: str
    participant_identity: str

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _on_the_wire(getattr(self, field.name)))


@dataclass(frozen=True, slots=True)
class Subject(Participant):
    """Whose track it is."""

    track_sid: str


def participant_of(participant: rtc.RemoteParticipant) -> Participant:
    """A participant of LiveKit's, as known now."""
    return Participant(participant.sid, participant.name or participant.identity, participant.identity)


def subject_of(participant: rtc.RemoteParticipant, publication: rtc.RemoteTrackPublication) -> Subject:
    """Whose track it is, as known now."""
    return Subject(participant.sid, participant.name or participant.identity, participant.identity, publication.sid)


def identity_of(participant: rtc.RemoteParticipant) -> str:
    """Their identity as it is told, and as others name it to us."""
    return _on_the_wire(participant.identity)


def claimed_person(participant: rtc.RemoteParticipant) -> str | None:
    """Whom their token says that they are supposed to be; None: nobody, or they could say so themselves."""
    claim = participant.attributes.get(PERSON)
    if not claim or participant.permissions.can_update_metadata:
        return None
    return _on_the_wire(claim)


def _on_the_wire(text: str) -> str:
    return tellable(text)[:LONGEST_NAME] or "?"


def tellable(text: str) -> str:
    """The text as UTF-8 can carry it: lone surrogates, of clients and of odd file names, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
