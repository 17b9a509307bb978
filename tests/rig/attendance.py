"""Takes what is told of comings and goings, in short words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facematch.recognizer.room.subject import Participant, Subject


class Told:
    def __init__(self) -> None:
        self.told: list[str] = []

    def participant_changed(self, who: Participant, change: str, *, already: bool) -> None:
        self.told.append(f"{who.participant_identity} {change}" + (" already" if already else ""))

    def camera_changed(self, subject: Subject, change: str, *, reason: str | None = None) -> None:
        self.told.append(f"{subject.track_sid} {change}" + (f" {reason}" if reason else ""))

    def room_changed(self, change: str, *, reason: str | None = None, participants: int | None) -> None:
        self.told.append(f"room {change} {participants if reason is None else reason}")
