"""Batches that show generated faces, added to what is kept of the participants of a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.faces.engine import NOT_KEPT, Face
from facematch.faces.gallery import empty
from facematch.faces.ranking import Enrolled
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.evidence.kept import Compared, Frames, KeptEvidence
from tests.rig.embeddings import ENCODER, axis

if TYPE_CHECKING:
    import numpy as np

    from facematch.faces.gallery import Gallery
    from facematch.protocol.events import Evidence

NOBODY = empty(ENCODER)
HERS, HIS = 0.0, 0.8
BOX = (125, 375, 235, 265)


class Room:
    """What a recognizer keeps of `a room`."""

    def __init__(self, pictures: list[np.ndarray], *, continuity: bool = True, people: Gallery = NOBODY) -> None:
        self.kept = KeptEvidence(continuity=continuity)
        self.room = self.kept.of("a room")
        self._pictures = pictures
        self._enrolled = Enrolled(None, people)
        self._count = 0

    def look(
        self, *faces: float, who: str = "alice", track: str = "TR_1", bound: str | None = None, reused: bool = False
    ) -> Evidence | None:
        """A batch of one frame."""
        frames = Frames()
        picture = self._pictures[0 if reused else self._count % len(self._pictures)]
        frames.add([Face(BOX, 1.5, NOT_KEPT if reused else axis(at), reused) for at in faces], picture)
        self._count += 1
        return self.room.add(who, track, frames, Compared(self._enrolled, MatchRules(), "a room", bound))

    def continuity(self, *looks: float, track: str = "TR_1") -> list[str | None]:
        told = [self.look(one, track=track) for one in looks]
        return [one.continuity if one else None for one in told]
