"""What the rooms of a process share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facematch.faces.engine import FaceEngine
    from facematch.recognizer.batch_slots import BatchSlots
    from facematch.recognizer.counters import Counters
    from facematch.recognizer.directions import Directions
    from facematch.recognizer.evidence.kept import KeptEvidence
    from facematch.recognizer.evidence.unknown_faces import UnknownFaces
    from facematch.recognizer.gallery import GalleryFollower
    from facematch.recognizer.matching import Matching
    from facematch.recognizer.references import References
    from facematch.recognizer.wakeup import Wakeup


@dataclass(frozen=True, slots=True)
class TrackLimits:
    """How many tracks are watched; the others are left alone, which is told."""

    per_participant: int
    per_room: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Handed to every room, and through it to every track."""

    engine: FaceEngine
    references: References
    """The photograph of the default person."""
    gallery: GalleryFollower
    """Everybody else."""
    matching: Matching
    """Who faces are."""
    directions: Directions
    """What the web process says of single participants."""
    evidence: KeptEvidence
    """What looks say together."""
    unknown: UnknownFaces
    slots: BatchSlots
    counters: Counters
    limits: TrackLimits
    changed: Wakeup
    """Notified when something has changed that is worth telling at once."""
    consent_required: bool = False
    """Nobody is looked at before they have agreed."""
    agreed: Mapping[str, str] = field(default_factory=dict)
    """Settings that are to be as the web process has them; empty where beats tell them."""
    attributes_bind: bool = False
    """It is told whom participants are supposed to be by their attributes."""

    def forget(self, identity: str) -> None:
        """Drop at once what is kept of a participant's face."""
        self.evidence.forget(identity)
        self.unknown.forget(identity)
