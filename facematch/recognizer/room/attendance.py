"""Who is in the room and which cameras are watched, as it was last told: changes become events, once each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from facematch.recognizer.room.subject import Participant, Subject

    Change = Literal["joined", "left", "consent_given", "consent_withdrawn"]


class Telling(Protocol):
    """Takes the changes. Never waits."""

    def participant_changed(self, who: Participant, change: Change, *, already: bool) -> None:
        """Somebody came or went, agreed or withdrew; `already`: while nobody was watching."""
        ...

    def camera_changed(
        self, subject: Subject, change: Literal["began", "lost", "restarted"], *, reason: str | None = None
    ) -> None:
        """A camera is watched, is not any more, or is watched anew after a fault."""
        ...

    def room_changed(
        self, change: Literal["began", "lost"], *, reason: str | None = None, participants: int | None
    ) -> None:
        """The whole room is watched, or is not any more."""
        ...


class Attendance:
    """Kept from one stay in the room to the next: who has left meanwhile is told, too.

    Args:
        telling: takes what has changed.
    """

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._present: dict[str, Participant] = {}
        """By sid: the same person who comes back is somebody new."""
        self._consenting: frozenset[str] = frozenset()
        self._cameras: dict[str, Subject] = {}
        self._withheld: dict[str, str] = {}
        self._watching = False

    def differs(self, present: Iterable[str], consenting: frozenset[str] = frozenset()) -> bool:
        """Whether others are there, or have agreed, than was told.

        Args:
            present: sids of who is there.
            consenting: sids of who has agreed.
        """
        return self._watching and (self._present.keys() != set(present) or self._consenting != consenting)

    def began(self, present: Iterable[Participant], consenting: frozenset[str] = frozenset()) -> None:
        """LiveKit says what is in the room, from now on. Everybody who is there is told, and who has gone."""
        there = {who.participant_id: who for who in present}
        self._watching = True
        self._telling.room_changed("began", participants=len(there))
        for sid in self._present.keys() - there.keys():
            self._telling.participant_changed(self._present[sid], "left", already=True)
        for who in there.values():
            self._telling.participant_changed(who, "joined", already=True)
        self._present, self._cameras, self._withheld = there, {}, {}
        self._tell_consent(consenting, already=True)

    def now(self, present: Iterable[Participant], consenting: frozenset[str] = frozenset()) -> None:
        """These are there. Call it while the room is watched; nothing is told otherwise."""
        if not self._watching:
            return
        there = {who.participant_id: who for who in present}
        for sid in self._present.keys() - there.keys():
            self._telling.participant_changed(self._present.pop(sid), "left", already=False)
        for sid in there.keys() - self._present.keys():
            self._telling.participant_changed(there[sid], "joined", already=False)
        self._present = there
        self._tell_consent(consenting, already=False)

    def _tell_consent(self, consenting: frozenset[str], *, already: bool) -> None:
        """Whoever has gone has not withdrawn."""
        for sid in sorted(self._consenting & self._present.keys() - consenting):
            self._telling.participant_changed(self._present[sid], "consent_withdrawn", already=already)
        for sid in sorted(consenting & self._present.keys() - self._consenting):
            self._telling.participant_changed(self._present[sid], "consent_given", already=already)
        self._consenting = consenting

    def watches(self, subject: Subject) -> None:
        """A camera is watched, perhaps anew."""
        self._withheld.pop(subject.track_sid, None)
        if self._watching:
            self._telling.camera_changed(subject, "restarted" if subject.track_sid in self._cameras else "began")
            self._cameras[subject.track_sid] = subject

    def dropped(self, track_sid: str) -> None:
        """A camera is not watched any more, while the room is."""
        subject = self._cameras.pop(track_sid, None)
        if self._watching and subject is not None:
            self._telling.camera_changed(subject, "lost")

    def withheld(self, cameras: Iterable[tuple[Subject, str]]) -> None:
        """All those that are there and may not be looked at, and why: each is told once."""
        now = {subject.track_sid: (subject, why) for subject, why in cameras}
        for sid, (subject, why) in now.items():
            if self._watching and self._withheld.get(sid) != why:
                self._telling.camera_changed(subject, "lost", reason=why)
        self._withheld = {sid: why for sid, (_, why) in now.items()}

    def lost(self, reason: str) -> None:
        """Nobody watches, or can: all cameras are out of sight, and nobody is known to have left."""
        if self._watching:
            self._telling.room_changed("lost", reason=reason, participants=None)
        self._watching = False
