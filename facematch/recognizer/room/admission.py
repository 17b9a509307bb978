"""Who in a room may be looked at: by what the web process says of them, and by what they say of themselves.

A camera that may not be looked at is not watched at all: it is not subscribed to, there is no batch and no Check of it,
and when permission ends while it is watched, its cycle ends as if the camera were gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from facematch.protocol.attributes import COMPARED, CONSENT, GIVEN, NO
from facematch.recognizer.room.subject import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from livekit import rtc

    from facematch.recognizer.directions import Directions
    from facematch.recognizer.room.subject import Subject

FIRST_WORD_SECONDS: Final = 2.0
"""How long whoever is new waits for what the web process has to say of them; it is asked at once."""


class Withheld(StrEnum):
    """Why a camera is not looked at."""

    CONSENT = "consent"
    """Its participant has not agreed, or not any more."""
    NOT_COMPARED = "not_compared"
    """Its participant is not to be compared."""
    ASKING = "asking"
    """The web process has not had its say yet."""


@dataclass(frozen=True, slots=True)
class IdleCamera:
    """One that is there and not looked at."""

    subject: Subject
    publication: rtc.RemoteTrackPublication
    why: Withheld


class Admission:
    """Of one stay in a room.

    Args:
        directions: what the web process says of participants.
        consent_required: nobody is looked at before they have agreed.
        now: monotonic seconds.
    """

    def __init__(self, directions: Directions, *, consent_required: bool, now: Callable[[], float]) -> None:
        self._directions = directions
        self._consent_required = consent_required
        self._now = now
        self._asked: dict[str, float] = {}
        """Since when the web process is asked about somebody."""

    def withheld(self, participant: rtc.RemoteParticipant) -> Withheld | None:
        """Why a participant with a camera may not be looked at now; None: they may."""
        if (why := self.refused(participant)) is not None:
            return why
        identity = identity_of(participant)
        if self._directions.known(identity):
            self._asked.pop(identity, None)
            return None
        since = self._asked.setdefault(identity, self._now())
        return Withheld.ASKING if self._now() - since < FIRST_WORD_SECONDS else None

    def refused(self, participant: rtc.RemoteParticipant) -> Withheld | None:
        """Why nothing may be known of a participant, with or without a camera; None: they may be looked at, as far as
        anybody has said.
        """
        attributes = participant.attributes
        if attributes.get(COMPARED) == NO or not self._directions.compared(identity_of(participant)):
            return Withheld.NOT_COMPARED
        return Withheld.CONSENT if self._consent_required and attributes.get(CONSENT) != GIVEN else None

    def consenting(self, participants: Collection[rtc.RemoteParticipant]) -> frozenset[str]:
        """The sids of those who have agreed; nobody, where nobody is asked."""
        if not self._consent_required:
            return frozenset()
        return frozenset(who.sid for who in participants if who.attributes.get(CONSENT) == GIVEN)

    def keep(self, with_cameras: Collection[str]) -> None:
        """These identities have cameras. Who has none any more is new when they come back."""
        self._asked = {identity: since for identity, since in self._asked.items() if identity in with_cameras}
