"""What the rooms of a process share, each part as simple as it can be, for tests of one of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from facematch.faces.gallery import empty
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.batch_slots import BatchSlots
from facematch.recognizer.counters import Counters
from facematch.recognizer.directions import Directions
from facematch.recognizer.evidence.kept import KeptEvidence
from facematch.recognizer.evidence.unknown_faces import UnknownFaces
from facematch.recognizer.matching import Matching
from facematch.recognizer.room.cycle import Seen
from facematch.recognizer.shared import Shared, TrackLimits
from facematch.recognizer.wakeup import Wakeup
from tests.rig.embeddings import ENCODER

if TYPE_CHECKING:
    from collections.abc import Sequence

if TYPE_CHECKING:
    from collections.abc import Callable


class StandInReferences:
    """What is compared with; whoever changes it says so."""

    def __init__(self, current: Any = None) -> None:
        self.current = current
        self.error = None
        self.looked = True
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        self._listeners.remove(listener)

    def say_that_it_changed(self) -> None:
        for listener in self._listeners:
            listener()


def engine(**known: Any) -> Any:
    """One that looks at nothing, unless `inspect` is given."""
    return SimpleNamespace(
        **{"model": "a model", "processed_width": 640, "detect_seconds": 1.0, "encode_seconds": 0.5, "busy": False}
        | known
    )


def shared(**parts: Any) -> Shared:
    """Without a reference, unless `references` are given."""
    references = parts.get("references") or StandInReferences()
    gallery = parts.get("gallery") or StandInReferences(empty(ENCODER))
    return Shared(
        engine=parts.get("engine") or engine(),
        references=cast("Any", references),
        gallery=cast("Any", gallery),
        matching=parts.get("matching") or Matching(cast("Any", references), cast("Any", gallery), MatchRules()),
        directions=parts.get("directions") or everybody_compared(),
        evidence=parts.get("evidence") or KeptEvidence(continuity=False),
        unknown=parts.get("unknown") or UnknownFaces(cast("Any", None), ENCODER, enabled=False),
        slots=parts.get("slots") or BatchSlots(8),
        counters=parts.get("counters") or Counters(),
        limits=parts.get("limits") or TrackLimits(per_participant=4, per_room=500),
        changed=parts.get("changed") or Wakeup(),
    )


def everybody_compared() -> Directions:
    """As when the web process says nothing of participants."""
    directions = Directions()
    directions.unheard(0.0)
    return directions


def faces_at(distances: Sequence[float], threshold: float = 0.5) -> Seen:
    """What the cycle is told of faces at these distances to somebody, the smallest first."""
    named = tuple("somebody" for distance in distances if distance <= threshold)
    return Seen(len(distances), named, distances[0] if distances else None)
